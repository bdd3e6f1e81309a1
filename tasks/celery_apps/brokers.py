"""Brokers that an app's workers read from: a task goes in, and it is revoked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import amqp
from django.conf import settings
from pydantic import SecretStr

from jobs.connections import Connection
from jobs.connections.brokers import RabbitMq, Redis
from jobs.handlers import Context, HandlerError
from jobs.rules.codes import Failure
from tasks.celery_apps import messages
from tasks.celery_apps.messages import Outcome, Task
from tasks.celery_apps.params import CeleryTaskParams
from tasks.queues import rabbitmq
from tasks.redis_session import Session

#: For revoking what is not waited for any more; an interrupted attempt has five seconds in all.
LAST_SECONDS = 3.0
#: Messages of one queue on Carillon's own Redis, which all share: a queue that nobody reads must not fill it.
MOST_WAITING = 10_000


class Broker(Protocol):
    """One of them, for one task."""

    #: The queue that a result may come back on; empty where it cannot.
    reply_to: str

    def send(self, task: Task) -> None:
        """Once it returns the broker has it."""

    def told(self) -> str:
        """What there is to say of the queue."""

    def reply(self) -> Outcome | None:
        """What came back on :attr:`reply_to`."""

    def revoke(self, task_id: str) -> None:
        """Tell every worker."""


@dataclass
class Last:
    """The patience of who was told to end, and has one thing to say."""

    allowed_hosts: Sequence[str]
    cancelled: bool = False
    until: float = field(default_factory=lambda: time.monotonic() + LAST_SECONDS)

    def remaining(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()

    def log(self, message: str, *, level: str = "info", stream: str = "handler") -> None:
        """Nothing more."""


@contextmanager
def opened(params: CeleryTaskParams, connection: Connection | None, context: Any) -> Iterator[Broker]:
    """The broker that the payload names."""
    if isinstance(connection, RabbitMq):
        session = rabbitmq.opened(connection, context)
        try:
            yield _Rabbit(params, session)
        finally:
            session.collect()
    else:
        known = connection if isinstance(connection, Redis) else own()
        with Session(known, context, ours=connection is None) as redis:
            yield _Redis(params, redis, known.database, ours=connection is None)


def revoke(params: CeleryTaskParams, connection: Connection | None, context: Context, task_id: str) -> None:
    """Over a connection of its own: the one in use may be in the midst of something."""
    with opened(params, connection, Last(context.allowed_hosts)) as broker:
        broker.revoke(task_id)


def own() -> Redis:
    """Carillon's own Redis."""
    parts = urlsplit(settings.REDIS_URL)
    return Redis.model_construct(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        tls="verify" if parts.scheme == "rediss" else "off",
        database=int(parts.path.strip("/") or 0),
        user=unquote(parts.username) if parts.username else None,
        password=SecretStr(unquote(parts.password)) if parts.password else None,
    )


class _Redis:
    reply_to = ""

    def __init__(self, params: CeleryTaskParams, session: Session, database: int, *, ours: bool) -> None:
        self._queue = params.queue
        self._key = params.key_prefix + params.queue
        self._control = f"{params.key_prefix}/{database}.{messages.CONTROL}"
        self._session = session
        self._ours = ours

    def send(self, task: Task) -> None:
        if self._ours and int(self._session.command("LLEN", self._key)) >= MOST_WAITING:
            message = f"{MOST_WAITING} messages wait in the queue {self._queue} already: start a worker that reads it"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT, tags={"redis"})
        more = {"correlation_id": task.id, "reply_to": str(uuid4())}
        self._session.command(
            "LPUSH",
            self._key,
            messages.enveloped(task.body, task.headers, exchange="", key=self._queue, more=more),
        )

    def told(self) -> str:
        count = self._session.command("LLEN", self._key)
        return f"{count} messages wait in the queue {self._queue}" + (": perhaps no worker reads it" if count else "")

    def reply(self) -> Outcome | None:
        return None

    def revoke(self, task_id: str) -> None:
        headers = {"clock": 1, "expires": time.time() + 60}
        whole = messages.enveloped(messages.revocation(task_id), headers, exchange=messages.CONTROL, key="", more={})
        self._session.command("PUBLISH", self._control, whole)


class _Rabbit:
    def __init__(self, params: CeleryTaskParams, session: amqp.Connection) -> None:
        self._queue = params.queue
        self._session = session
        self._channel: Any = None
        self.reply_to = ""
        with _in_its_words():
            self._channel = session.channel()
            self._returned: list[str] = []
            if params.wait and params.result_connection is None:
                self.reply_to = f"carillon-{uuid4()}"
                # No two at once, and gone with this connection.
                self._channel.queue_declare(self.reply_to, exclusive=True, auto_delete=True)

    def send(self, task: Task) -> None:
        with _in_its_words():
            self._channel.events["basic_return"].add(lambda *_: self._returned.append(task.id))
            self._channel.confirm_select()
            confirmed: list[int] = []
            self._channel.events["basic_ack"].add(lambda tag, _: confirmed.append(tag))
            self._channel.events["basic_nack"].add(lambda *_: self._returned.append(task.id))
            message = amqp.Message(
                task.body,
                application_headers=dict(task.headers),
                content_type="application/json",
                content_encoding="utf-8",
                correlation_id=task.id,
                reply_to=task.reply_to,
                delivery_mode=2,
            )
            self._channel.basic_publish(message, "", self._queue, mandatory=True)
            while not confirmed and not self._returned:
                self._session.drain_events()
        if self._returned:
            why = f"RabbitMQ has no queue {self._queue}: start a worker on it first"
            raise HandlerError(why, tags={"rabbitmq", "unroutable"})

    def told(self) -> str:
        with _in_its_words():
            found = self._channel.queue_declare(self._queue, passive=True)
        return (
            f"{found.message_count} messages wait in the queue {self._queue}, which {found.consumer_count} workers read"
        )

    def reply(self) -> Outcome | None:
        with _in_its_words():
            message = self._channel.basic_get(self.reply_to, no_ack=True) if self.reply_to else None
        if message is None:
            return None
        return messages.outcome(message.body if isinstance(message.body, bytes) else str(message.body).encode())

    def revoke(self, task_id: str) -> None:
        with contextlib.suppress(amqp.NotFound):  # no worker was ever there
            self._channel.exchange_declare(messages.CONTROL, "fanout", passive=True)
            message = amqp.Message(
                messages.revocation(task_id),
                application_headers={"clock": 1, "expires": int(time.time()) + 60},
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=1,
            )
            self._channel.basic_publish(message, messages.CONTROL, "")
            self._channel.close()  # answered only after what was said before


@contextmanager
def _in_its_words() -> Iterator[None]:
    try:
        yield
    except (amqp.AMQPError, OSError) as error:
        raise rabbitmq.told(error) from None
