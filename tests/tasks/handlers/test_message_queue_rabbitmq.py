"""``message_queue`` with a real RabbitMQ: confirms, returned messages, and acknowledgements behind the artifact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import amqp
import pytest

from jobs import handlers
from jobs.handlers import Cancelled, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress
from tasks.queues import rabbitmq
from tests.support import certificates, contexts, rabbitmq_server, tls_relay
from tests.support.processes import eventually
from tests.tasks.handlers.queue_runs import LOCAL, consumed, run, stored

handlers.load(["tasks.handlers"])
pytestmark = pytest.mark.needs("rabbitmq-server")


@pytest.fixture
def fields() -> dict[str, Any]:
    return rabbitmq_server.shared()


@pytest.fixture
def channel(fields: dict[str, Any]) -> Iterator[Any]:
    address = f"127.0.0.1:{fields['port']}"
    with amqp.Connection(address, "guest", fields["password"], login_method="PLAIN") as connection:
        yield connection.channel()


@pytest.fixture
def queue(channel: Any) -> Iterator[str]:
    name = f"queue-{uuid4().hex}"
    channel.queue_declare(name, auto_delete=False)
    yield name
    channel.queue_delete(name)


def ready(channel: Any, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).message_count)


def test_messages_go_out_and_come_in_over_tls(fields, queue, channel):
    with tls_relay.relaying(fields["port"]) as relay:
        known = {"host": "localhost", "port": relay.port, "tls": "verify", "ca": certificates.made().authority}
        messages = [{"body": {"n": n, "text": "x" * 1000}} for n in range(200)]
        with contexts.recording(["localhost", "127.0.0.1"], timeout=60) as context:
            secured = {**fields, **known}
            assert (
                run(secured, context=context, queue=queue, operation="publish_batch", messages=messages)["published"]
                == 200
            )
            payload = {"operation": "consume", "idle_seconds": 5, "max_messages": 200}
            assert run(secured, context=context, queue=queue, **payload)["acknowledged"] is True
            assert [each["body"]["n"] for each in stored(context)] == list(range(200))
    assert eventually(lambda: ready(channel, queue) == 0)


def test_messages_go_out_and_come_in_as_they_were(fields, queue, channel):
    messages = [{"body": {"n": n}, "headers": {"kind": "paid"}} for n in range(1500)]
    assert run(fields, queue=queue, operation="publish_batch", messages=messages)["published"] == 1500
    assert ready(channel, queue) == 1500
    assert run(fields, queue=queue, operation="depth") == {"messages": 1500, "consumers": 0}
    result, found = consumed(fields, queue=queue, max_messages=1400, idle_seconds=60)
    assert [each["body"]["n"] for each in found] == list(range(1400))
    assert (found[0]["headers"], found[0]["routing_key"]) == ({"kind": "paid"}, queue)
    assert (result["acknowledged"], result["ended_by"]) == (True, "max_messages")
    assert eventually(lambda: ready(channel, queue) == 100)
    assert run(fields, queue=queue, operation="purge") == {"purged": 100}


def test_a_message_that_no_queue_takes_fails_the_attempt(fields, queue):
    with pytest.raises(HandlerError, match="no queue takes a message with the routing key 'nowhere'") as caught:
        run(fields, queue=queue, exchange="amq.direct", key="nowhere", body=1)
    assert caught.value.tags == {"broker", "unroutable"}
    assert caught.value.result == {"published": 0}


def test_a_queue_that_takes_no_more_refuses(fields, channel):
    name = f"full-{uuid4().hex}"
    channel.queue_declare(name, auto_delete=False, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    with pytest.raises(HandlerError, match="refused") as caught:
        run(fields, queue=name, operation="publish_batch", messages=[{"body": n} for n in range(3)])
    assert "nacked" in caught.value.tags
    channel.queue_delete(name)


def test_what_is_not_stored_comes_again(fields, queue, channel, monkeypatch):
    """A cancelled reader leaves no connection and no message behind it."""
    run(fields, queue=queue, operation="publish_batch", messages=[{"body": n} for n in range(20)])
    context = contexts.RecordingContext(LOCAL)
    monkeypatch.setattr(contexts.RecordingContext, "cancelled", property(lambda self: len(self.lines) > 1))
    with pytest.raises(Cancelled):
        run(fields, queue=queue, context=context, operation="consume")
    monkeypatch.undo()
    assert stored(context) == []
    assert eventually(lambda: ready(channel, queue) == 20)
    assert run(fields, queue=queue, operation="depth")["consumers"] == 0
    _, found = consumed(fields, queue=queue)
    assert [each["body"] for each in found] == list(range(20))
    assert found[0]["redelivered"] is True


def test_a_message_that_is_too_long_is_not_read_and_stays(fields, queue, channel, monkeypatch):
    run(fields, queue=queue, body="x" * 300_000)
    monkeypatch.setattr(rabbitmq, "LONGEST_BODY", 200_000)
    with pytest.raises(HandlerError) as caught:
        consumed(fields, queue=queue)
    assert caught.value.code == Failure.RESOURCE_LIMIT
    assert eventually(lambda: ready(channel, queue) == 1)


def test_a_queue_that_is_not_there_is_told(fields):
    for operation in ("consume", "depth", "purge"):
        with pytest.raises(HandlerError, match="no queue 'missing' in vhost '/'"):
            run(fields, queue="missing", operation=operation)


def test_a_wrong_password_is_told_and_not_repeated(fields):
    with pytest.raises(HandlerError, match="refuse") as caught:
        run({**fields, "password": "canary-77"}, queue="q", body=1)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("field", [{"partition": 1}, {"key": "k"}])
def test_fields_that_mean_nothing_here_are_refused(fields, queue, field):
    with pytest.raises(PermanentFailure, match=f"payload.{next(iter(field))}: "):
        run(fields, queue=queue, body=1, **field)


def test_it_is_reached_only_where_the_guard_allows(fields, monkeypatch):
    with pytest.raises(egress.UnsafeTarget, match="not a public address"):
        run(fields, queue="q", body=1, allowed=())
    monkeypatch.setattr(egress, "_protected", frozenset({("127.0.0.1", fields["port"])}))
    with pytest.raises(egress.UnsafeTarget, match="belongs to Carillon itself"):
        run(fields, queue="q", body=1, allowed=["0.0.0.0/0"])
