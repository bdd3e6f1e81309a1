"""Messages of Kafka: what became of those that went out, and what those that came in say."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import KafkaError, Message

from tasks import foreign
from tasks.queues.contract import BrokerRefuses, Incoming

#: librdkafka's own words go to standard error of the worker if nobody takes them.
SILENT = logging.getLogger("carillon.librdkafka")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False

#: Names the client to the broker where a group must have a name and none is meant.
NO_GROUP = "carillon-none"


class Deliveries:
    """Delivery reports as they come."""

    def __init__(self) -> None:
        self.expected = 0
        self._error: KafkaError | None = None
        self._places: deque[Mapping[str, Any]] = deque()

    def report(self, error: KafkaError | None, message: Message) -> None:
        """Called by the client while it is polled."""
        self.expected -= 1
        if error is not None:
            self._error = self._error or error
        else:
            self._places.append({"partition": message.partition(), "offset": message.offset()})

    def places(self) -> Iterator[Mapping[str, Any]]:
        """Of those delivered since the last time; the failure of one ends all."""
        if self._error is not None:
            raise told(self._error)
        while self._places:
            yield self._places.popleft()


#: What no waiting makes good.
HOPELESS = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError._SSL,
}


def told(error: KafkaError) -> BrokerRefuses:
    """A failure in Kafka's words."""
    return BrokerRefuses(f"Kafka: {error.str()}", f"kafka:{error.name()}")


def number(value: int | None) -> int:
    """Of a message that has arrived, which has all of them."""
    assert value is not None
    return value


def unpacked(message: Message) -> Incoming:
    """A message as all brokers' are."""
    key: Any = message.key()
    place: dict[str, Any] = {"partition": message.partition(), "offset": message.offset()}
    kind, at = message.timestamp()
    if kind:
        place["timestamp"] = at
    headers: Any = message.headers() or []
    texts = {name: foreign.text(value or b"") for name, value in headers}
    if identity := texts.pop("message_id", None):
        place["message_id"] = identity
    body: Any = message.value()
    return Incoming(body, None if key is None else foreign.text(key), texts, place)
