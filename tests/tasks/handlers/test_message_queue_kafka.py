"""``message_queue`` with Kafka's wire protocol, spoken by librdkafka's mock brokers in another process."""

from __future__ import annotations

import socket
from typing import Any
from uuid import uuid4

import pytest

from jobs import handlers
from jobs.handlers import Cancelled, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress
from tasks.queues import kafka as module
from tests.support import contexts, kafka_cluster
from tests.tasks.handlers.queue_runs import LOCAL, consumed, kafka, run, stored

handlers.load(["tasks.handlers"])


@pytest.fixture
def fields(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The mock brokers let a second reader in when the first one's session would be over, less a second."""
    monkeypatch.setattr(module, "SESSION_SECONDS", 1.1)
    return kafka(kafka_cluster.shared())


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid4().hex}"


def test_a_message_goes_out_and_comes_in_as_it_was(fields, topic):
    sent = {"body": {"order": 7}, "key": "k", "headers": {"kind": "paid"}, "partition": 2}
    result = run(fields, queue=topic, **sent)
    assert result == {"published": 1, "last": {"partition": 2, "offset": 0}}
    result, (message,) = consumed(fields, queue=topic, idle_seconds=1)
    assert {name: message[name] for name in sent} == sent
    assert (message["offset"], message["message_id"][-2:]) == (0, ":1")
    assert (result["acknowledged"], result["ended_by"]) == (False, "idle")


def test_a_group_goes_on_behind_what_it_has_stored(fields, topic):
    messages = [{"body": n, "key": str(n)} for n in range(1000)]
    assert run(fields, queue=topic, operation="publish_batch", messages=messages)["published"] == 1000
    first, found = consumed(fields, queue=topic, group="readers", max_messages=600, idle_seconds=60)
    assert (first["acknowledged"], first["messages"]) == (True, 600)
    assert run(fields, queue=topic, operation="depth", group="readers")["lag"] == 400
    second, rest = consumed(fields, queue=topic, group="readers", max_messages=400, idle_seconds=60)
    assert second["acknowledged"] is True
    assert sorted(each["body"] for each in found + rest) == list(range(1000))
    depth = run(fields, queue=topic, operation="depth", group="readers")
    assert (depth["messages"], depth["lag"], len(depth["partitions"])) == (1000, 0, kafka_cluster.PARTITIONS)


def test_what_is_not_stored_comes_again(fields, topic, monkeypatch):
    run(fields, queue=topic, operation="publish_batch", messages=[{"body": n} for n in range(20)])
    context = contexts.RecordingContext(LOCAL)
    monkeypatch.setattr(contexts.RecordingContext, "cancelled", property(lambda self: len(self.lines) > 0))
    with pytest.raises(Cancelled):
        run(fields, queue=topic, context=context, operation="consume", group="readers")
    monkeypatch.undo()
    assert stored(context) == []
    result, _ = consumed(fields, queue=topic, group="readers", max_messages=20, idle_seconds=60)
    assert result["messages"] == 20


def test_no_body_is_a_tombstone(fields, topic):
    run(fields, queue=topic, key="gone")
    assert [(each["body"], each["key"]) for each in consumed(fields, queue=topic, idle_seconds=1)[1]] == [
        (None, "gone")
    ]


def test_a_cluster_that_advertises_our_own_server_does_not_reach_it(topic, monkeypatch):
    """The second broker says that it is where our Redis listens: nobody knocks there."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        ours.settimeout(0.5)
        port = ours.getsockname()[1]
        monkeypatch.setattr(egress, "_protected", frozenset({("127.0.0.1", port)}))
        with kafka_cluster.running(advertise={1: ("127.0.0.1", port)}) as servers:
            for operation in ({"body": 1}, {"operation": "consume"}, {"operation": "depth"}):
                with pytest.raises(egress.UnsafeTarget, match="belongs to Carillon itself") as caught:
                    run(kafka(servers), queue=topic, **operation)
                assert caught.value.code == Failure.UNSAFE_TARGET
        with pytest.raises(TimeoutError):
            ours.accept()


def test_a_cluster_that_advertises_a_clouds_metadata_is_left(topic):
    with (
        kafka_cluster.running(advertise={1: ("169.254.169.254", 80)}) as servers,
        pytest.raises(egress.UnsafeTarget, match=r"169\.254\.169\.254"),
    ):
        run(kafka(servers), queue=topic, body=1)


def test_a_name_is_looked_up_by_the_guard_alone(topic):
    with (
        kafka_cluster.running(advertise={1: ("localhost", 9)}) as servers,
        pytest.raises(egress.UnsafeTarget, match=r"localhost \((127\.0\.0\.1|::1)\)"),
    ):
        run(kafka(servers), queue=topic, body=1, allowed=[servers[0]])


def test_servers_that_are_not_allowed_are_refused(fields, topic):
    with pytest.raises(egress.UnsafeTarget, match="not a public address"):
        run(fields, queue=topic, body=1, allowed=())


def test_a_cluster_that_nobody_answers_for_is_told(topic, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for operation in ({"body": 1}, {"operation": "depth"}):
        with pytest.raises(HandlerError) as caught:
            run(kafka([f"127.0.0.1:{port}"]), queue=topic, **operation)
        assert "broker" in caught.value.tags


def test_a_partition_and_a_group_exclude_each_other(fields, topic):
    with pytest.raises(PermanentFailure, match="a group shares the partitions out"):
        run(fields, queue=topic, operation="consume", group="readers", partition=1)
