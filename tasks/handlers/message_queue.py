"""The ``message_queue`` job type: sends to a broker and reads from it, so that no message is lost in between.

What is sent counts once the broker has confirmed it. What is read is acknowledged after the artifact that holds it is
kept for good: a crash before that brings the messages again, a crash after it leaves them in the artifact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from jobs import connections
from jobs.connections import Connection
from jobs.connections.brokers import Kafka, RabbitMq
from jobs.handlers import Cancelled, Context, Handler, HandlerError, Json, Params
from tasks.queues import sending
from tasks.queues.contract import GLANCE_SECONDS, Outgoing, Reading, Session, not_here
from tasks.queues.storing import Encoding, Store

#: Between two reports of progress.
TELL_SECONDS = 2.0
MEGABYTE = 1024 * 1024

Operation = Literal["publish", "publish_batch", "consume", "depth", "purge"]


class Source(BaseModel):
    """An artifact, as a result names it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    artifact: Annotated[str, Field(max_length=255)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    #: Its former name is taken, too.
    execution: UUID = Field(validation_alias=AliasChoices("execution", "execution_id"))


class MessageQueueParams(Params):
    connection: connections.named("kafka", "rabbitmq", "redis")  # type: ignore[valid-type]
    operation: Operation = "publish"
    queue: Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        description="The topic of Kafka, the queue of RabbitMQ, the stream of Redis."
    )
    exchange: Annotated[str, Field(max_length=255)] = Field(
        default="", description="RabbitMQ: publish through it, with key as the routing key."
    )
    body: Json = Field(default=None, description="null is no body: in Kafka a tombstone.")
    encoding: Encoding = Field(
        default="json",
        description="What bodies are: JSON, text, or base64 of any bytes. Read ones that are not take the next of them.",
    )
    key: sending.Key | None = None
    headers: sending.Headers = {}
    partition: sending.Partition | None = Field(default=None, description="Kafka only.")
    messages: Annotated[list[sending.One], Field(max_length=10_000)] | None = None
    artifact: Source | None = Field(default=None, description="publish_batch: its lines, instead of messages.")
    lines: Literal["bodies", "messages"] = Field(
        default="bodies", description="Whether a line is a message's body, or a message as consume leaves them."
    )
    group: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = Field(
        default=None, description="Kafka and Redis: who reads. Without one nothing is acknowledged."
    )
    start: Literal["oldest", "newest"] = Field(
        default="oldest", description="Where to begin without a group, or with one that is new."
    )
    max_messages: int = Field(default=1000, ge=1, le=1_000_000)
    max_bytes: int = Field(default=16 * MEGABYTE, ge=1, le=1024 * MEGABYTE, description="Reading ends behind it.")
    idle_seconds: float = Field(default=5, ge=0.5, le=3600, description="Reading ends after such a silence.")

    @model_validator(mode="after")
    def _one_batch(self) -> Self:
        if self.operation == "publish_batch" and (self.messages is None) == (self.artifact is None):
            raise ValueError("publish_batch sends either messages or the lines of an artifact: give one of them")
        return self

    def reading(self) -> Reading:
        """What consume and depth ask for."""
        return Reading(self.max_messages, self.group, self.partition, newest=self.start == "newest")


class MessageQueue(Handler[MessageQueueParams]):
    job_type = "message_queue"
    title = "Message queue"
    description = "Sends messages to Kafka, RabbitMQ or a stream of Redis, reads them, counts them, deletes them."
    params = MessageQueueParams
    inputs = frozenset({"body", "key", "headers", "messages", "artifact"})
    example: ClassVar[dict[str, Json]] = {
        "connection": "broker",
        "operation": "publish",
        "queue": "orders",
        "key": "4711",
        "body": {"order": 4711, "state": "paid"},
    }

    def run(self, params: MessageQueueParams, context: Context) -> Json:
        connection = context.connection(params.connection)
        if params.exchange and not isinstance(connection, RabbitMq):
            raise not_here("exchange", "only RabbitMQ has exchanges: leave it out")
        with _session(connection, params, context) as session:
            match params.operation:
                case "consume":
                    return _consume(session, params, context)
                case "depth":
                    return dict(session.depth(params.reading()))
                case "purge":
                    return {"purged": session.purge()}
                case _:
                    return _publish(session, params, context)


def _session(connection: Connection, params: MessageQueueParams, context: Context) -> Session:
    """Each library is loaded by those who use it."""
    if isinstance(connection, RabbitMq):
        from tasks.queues.rabbitmq import RabbitSession  # noqa: PLC0415

        return RabbitSession(connection, context, params.queue, params.exchange)
    if isinstance(connection, Kafka):
        from tasks.queues.kafka import KafkaSession  # noqa: PLC0415

        return KafkaSession(connection, context, params.queue)
    from tasks.queues.redis_streams import RedisSession  # noqa: PLC0415

    return RedisSession(connection, context, params.queue)  # type: ignore[arg-type]


def _publish(session: Session, params: MessageQueueParams, context: Context) -> Json:
    """The broker's word for all of them, or a failure that says how many it had confirmed."""
    confirmed, told = 0, time.monotonic()
    last: Mapping[str, Any] = {}
    try:
        for place in session.publish(_messages(params, context)):
            confirmed, last = confirmed + 1, place
            if context.cancelled:
                raise Cancelled
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                context.log(f"{confirmed} messages confirmed")
    except HandlerError as error:
        error.result = {"published": confirmed}
        raise
    context.log(f"{confirmed} messages confirmed")
    return {"published": confirmed, **({"last": dict(last)} if confirmed else {})}


def _messages(params: MessageQueueParams, context: Context) -> Iterator[Outgoing]:
    for number, one in enumerate(_ones(params, context), 1):
        yield sending.outgoing(one, context.idempotency_key, params.encoding, number)


def _ones(params: MessageQueueParams, context: Context) -> Iterator[sending.One]:
    single = sending.One(body=params.body, key=params.key, headers=params.headers, partition=params.partition)
    if params.operation == "publish":
        yield single
    elif params.messages is not None:
        yield from params.messages
    elif params.artifact is not None:
        reference = params.artifact.model_dump(include={"artifact", "sha256"})
        with context.open_artifact(reference, params.artifact.execution) as file:
            for number, line in enumerate(sending.lines(file), 1):
                if params.lines == "messages":
                    yield sending.of_message(line, number)
                else:
                    yield sending.of_body(line, params.encoding, single, number)


def _consume(session: Session, params: MessageQueueParams, context: Context) -> Json:
    """Acknowledged only behind the block that keeps the artifact."""
    context.log(f"reading {params.queue}")
    with Store(context, params.encoding) as store:
        ended = _read(session, params, context, store)
    acknowledged = session.acknowledge() if store.count else False
    context.log(f"{store.count} messages stored{', and acknowledged' if acknowledged else ''}")
    found: dict[str, Any] = {
        "messages": store.count,
        "bytes": store.bytes,
        "ended_by": ended,
        "acknowledged": acknowledged,
    }
    if store.count:
        found |= {"artifact": store.reference, "head": store.head}
    return found


def _read(session: Session, params: MessageQueueParams, context: Context, store: Store) -> str:
    """Store what comes; returns which limit ended it. A look that took longer than it should was held up here: that is no silence."""
    looked = told = time.monotonic()
    silent = 0.0
    for message in session.read(params.reading()):
        if context.cancelled:
            raise Cancelled
        now = time.monotonic()
        silent, looked = silent + min(now - looked, GLANCE_SECONDS), now
        if message is not None:
            store.put(message)
            silent = 0.0
            if store.bytes >= params.max_bytes:
                return "max_bytes"
        elif silent >= params.idle_seconds:
            return "idle"
        if context.ending:
            return "soft_timeout"
        if now - told > TELL_SECONDS:
            told = now
            context.progress(store.count / params.max_messages, f"{store.count} messages")
    return "max_messages"
