"""Kafka, spoken by librdkafka inside the egress guard.

What is sent is idempotent and acknowledged by all replicas in sync; a message counts once its delivery report is there.
With a group, offsets are committed when what was read is stored. Without one the partitions are assigned, no
coordinator is asked, and no group comes into being.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from jobs.connections.brokers import Kafka
from jobs.handlers import Context
from tasks import egress
from tasks.queues import kafka_guard, kafka_tls
from tasks.queues.contract import (
    GLANCE_SECONDS,
    LONGEST_BODY,
    PATIENCE_SECONDS,
    BrokerRefuses,
    Incoming,
    Outgoing,
    Reading,
    not_here,
)
from tasks.queues.kafka_messages import HOPELESS, NO_GROUP, SILENT, Deliveries, number, told, unpacked

#: Of the messages on their way; a full queue makes the sender wait.
MOST_QUEUED = 20_000
QUEUED_KILOBYTES = 16 * 1024
FETCHED_KILOBYTES = 8 * 1024
#: A delivery that takes longer has failed, and the attempt with it.
DELIVERY_SECONDS = 120
#: After which a reader that was killed is missed, and its partitions go to others.
SESSION_SECONDS = 10.0


class KafkaSession:
    """With one topic. Clients are made as they are needed and closed at the end, in the order they were made."""

    def __init__(self, connection: Kafka, context: Context, topic: str) -> None:
        self._connection = connection
        self._context = context
        self._topic = topic
        self._guard = egress.Guard(context.allowed_hosts)
        self._stack = ExitStack()
        self._failure: KafkaError | None = None
        self._watch: kafka_guard.Watch | None = None
        self._consumer: Consumer | None = None
        #: The offset behind the last message read, by partition.
        self._positions: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def producer(self) -> Producer:
        """An idempotent one. What it still holds at the end of the session is thrown away."""
        producer = Producer(
            {
                **self._settings(),
                "enable.idempotence": True,
                "acks": "all",
                # As Java's clients: a key goes to the same partition whoever sends it.
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "queue.buffering.max.messages": MOST_QUEUED,
                "queue.buffering.max.kbytes": QUEUED_KILOBYTES,
                "message.max.bytes": LONGEST_BODY,
                "delivery.timeout.ms": DELIVERY_SECONDS * 1000,
            }
        )
        self._admit(producer)
        self._stack.callback(producer.purge)
        return producer

    def publish(self, messages: Iterable[Outgoing]) -> Iterator[Mapping[str, Any]]:
        deliveries = Deliveries()
        producer = self.producer()
        for message in messages:
            headers: Any = [("message_id", message.id.encode()), *((n, v.encode()) for n, v in message.headers.items())]
            self.send(
                producer,
                deliveries,
                value=message.body,
                key=message.key,
                headers=headers,
                **({} if message.partition is None else {"partition": message.partition}),
            )
            yield from deliveries.places()
        while deliveries.expected:
            producer.poll(GLANCE_SECONDS)
            self._check()
            yield from deliveries.places()
        yield from deliveries.places()  # a send's poll may have told of the last

    def send(self, producer: Producer, deliveries: Deliveries, **message: Any) -> None:
        """Hand one message over, waiting while too many are on their way."""
        while True:
            try:
                producer.produce(self._topic, on_delivery=deliveries.report, **message)
            except BufferError:
                producer.poll(GLANCE_SECONDS)
                self._check()
                continue
            except KafkaException as error:
                raise told(error.args[0]) from None
            deliveries.expected += 1
            producer.poll(0)
            return

    def delivered(self, producer: Producer, deliveries: Deliveries) -> None:
        """Wait until all that was sent is confirmed; the failure of one ends it."""
        while deliveries.expected:
            producer.poll(GLANCE_SECONDS)
            self._check()
            deque(deliveries.places(), 0)
        deque(deliveries.places(), 0)

    def read(self, reading: Reading) -> Iterator[Incoming | None]:
        consumer = self._reader(reading)
        left = reading.most
        while left:
            message = consumer.poll(GLANCE_SECONDS)
            self._check()
            if message is None:
                yield None
                continue
            if (error := message.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    continue
                raise told(error)
            left -= 1
            self._positions[number(message.partition())] = number(message.offset()) + 1
            yield unpacked(message)

    def _reader(self, reading: Reading) -> Consumer:
        consumer = self._consumer = self._new_consumer(reading)
        if reading.group is not None:
            if reading.partition is not None:
                raise not_here("partition", "a group shares the partitions out itself: leave one of both out")
            consumer.subscribe([self._topic])
            return consumer
        start = OFFSET_END if reading.newest else OFFSET_BEGINNING
        partitions = self._partitions(consumer) if reading.partition is None else [reading.partition]
        consumer.assign([TopicPartition(self._topic, each, start) for each in partitions])
        return consumer

    def _new_consumer(self, reading: Reading) -> Consumer:
        consumer = Consumer(
            {
                **self._settings(),
                "group.id": reading.group or NO_GROUP,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "latest" if reading.newest else "earliest",
                "isolation.level": "read_committed",
                "session.timeout.ms": int(SESSION_SECONDS * 1000),
                "heartbeat.interval.ms": int(SESSION_SECONDS * 300),
                "queued.max.messages.kbytes": FETCHED_KILOBYTES,
                "fetch.max.bytes": FETCHED_KILOBYTES * 1024,
                "message.max.bytes": FETCHED_KILOBYTES * 1024,
                "receive.message.max.bytes": 2 * FETCHED_KILOBYTES * 1024,
            }
        )
        self._admit(consumer)
        self._stack.callback(consumer.close)
        return consumer

    def acknowledge(self) -> bool:
        consumer = self._consumer
        if consumer is None or not consumer.memberid():
            return False
        offsets = [TopicPartition(self._topic, each, offset) for each, offset in self._positions.items()]
        if not offsets:
            return True
        try:
            stored = consumer.commit(offsets=offsets, asynchronous=False) or []
        except KafkaException as error:
            raise told(error.args[0]) from None
        for each in stored:
            if each.error is not None:
                raise told(each.error)
        return True

    def depth(self, reading: Reading) -> Mapping[str, Any]:
        """Between the first and the last offset of each partition; with a group, what it has not committed."""
        consumer = self._new_consumer(reading)
        partitions = self._partitions(consumer) if reading.partition is None else [reading.partition]
        by_partition: dict[str, Any] = {}
        for each in partitions:
            place = TopicPartition(self._topic, each)
            low, high = self._asked(lambda place=place: consumer.get_watermark_offsets(place, timeout=PATIENCE_SECONDS))
            by_partition[str(each)] = {"messages": high - low, "low": low, "high": high}
        found: dict[str, Any] = {
            "messages": sum(each["messages"] for each in by_partition.values()),
            "partitions": by_partition,
        }
        if reading.group is not None:
            places = [TopicPartition(self._topic, each) for each in partitions]
            for place in self._asked(lambda: consumer.committed(places, timeout=PATIENCE_SECONDS)):
                about = by_partition[str(place.partition)]
                position = about["low"] if place.offset == OFFSET_INVALID else place.offset
                about["lag"] = about["high"] - position
            found["lag"] = sum(each["lag"] for each in by_partition.values())
        return found

    def purge(self) -> int | None:
        """Moves the beginning of every partition to its end."""
        client = AdminClient(self._settings())
        self._admit(client)
        places = [TopicPartition(self._topic, each, OFFSET_END) for each in self._partitions(client)]
        for answer in client.delete_records(places, request_timeout=PATIENCE_SECONDS).values():
            self._asked(lambda answer=answer: answer.result(PATIENCE_SECONDS))
        return None

    def _partitions(self, client: Consumer | AdminClient) -> list[int]:
        """Asked for a moment at a time: a refusal of the guard must not wait for the end of a long one."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                topic = client.list_topics(self._topic, timeout=1).topics[self._topic]
                break
            except KafkaException as error:
                self._check()
                if time.monotonic() > until:
                    raise told(error.args[0]) from None
        if topic.error is not None:
            raise told(topic.error)
        return sorted(topic.partitions)

    def _asked(self, question: Any) -> Any:
        try:
            return question()
        except KafkaException as error:
            self._check()
            raise told(error.args[0]) from None

    def _settings(self) -> dict[str, Any]:
        """All of a client but its servers, which the guard gives it."""
        connection = self._connection
        secured = connection.mechanism != "none"
        protocol = ("SASL_" if secured else "") + ("PLAINTEXT" if connection.tls == "off" else "SSL")
        settings: dict[str, Any] = {
            "client.id": "carillon",
            "security.protocol": protocol,
            "socket.connection.setup.timeout.ms": 10_000,
            "reconnect.backoff.max.ms": 2_000,
            "log_level": 0,
            "logger": SILENT,
            "error_cb": self._on_error,
        }
        settings |= kafka_tls.settings(connection)
        if secured:
            settings["sasl.mechanism"] = connection.mechanism
            settings["sasl.username"] = connection.user
            settings["sasl.password"] = connection.password.get_secret_value() if connection.password else ""
        return settings

    def _admit(self, client: Any) -> None:
        self._watch = self._stack.enter_context(
            kafka_guard.admitted(client, list(self._connection.servers), self._guard)
        )
        self._until = time.monotonic() + PATIENCE_SECONDS

    def _on_error(self, error: KafkaError) -> None:
        """What the clients say of their connections; most of it passes."""
        self._failure = error

    def _check(self) -> None:
        """Raises what no waiting makes good."""
        assert self._watch is not None
        self._watch.check()
        failure, self._failure = self._failure, None
        if failure is None:
            return
        if failure.fatal() or failure.code() in HOPELESS:
            raise told(failure)
        if failure.code() == KafkaError._ALL_BROKERS_DOWN and time.monotonic() > self._until:
            raise BrokerRefuses(f"no broker is reached: {self._watch.problem or failure.str()}", "connection")
