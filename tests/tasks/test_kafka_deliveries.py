"""What became of messages that were sent to Kafka, with a client of the test's own."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError

from tasks.queues.contract import BrokerRefuses, Outgoing
from tasks.queues.kafka import KafkaSession
from tasks.queues.kafka_messages import Deliveries


class FailsAtOnce:
    """The poll of the send itself is told that the delivery has failed."""

    def produce(self, topic: str, *, on_delivery: Any, **_: Any) -> None:
        self.report = on_delivery

    def poll(self, seconds: float) -> None:
        self.report(KafkaError(KafkaError._MSG_TIMED_OUT), None)


@pytest.fixture
def session() -> KafkaSession:
    made = KafkaSession.__new__(KafkaSession)
    made._topic = "t"
    return made


def test_a_last_delivery_that_fails_as_it_is_sent_is_raised(session: KafkaSession) -> None:
    deliveries, producer = Deliveries(), FailsAtOnce()
    session.send(producer, deliveries)  # type: ignore[arg-type]
    with pytest.raises(BrokerRefuses):
        session.delivered(producer, deliveries)  # type: ignore[arg-type]


def test_so_is_one_that_is_published(session: KafkaSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "producer", FailsAtOnce)
    with pytest.raises(BrokerRefuses):
        list(session.publish([Outgoing(id="1", body=b"x", key=None, headers={}, partition=None)]))
