"""``message_queue`` with streams of a real Valkey: what is read and not stored is never lost, and nothing is left."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from jobs import handlers
from jobs.handlers import Cancelled, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress
from tasks.queues import redis_streams, redis_wire
from tests.support import contexts, servers
from tests.tasks.handlers.cases_message_queue import redis_fields
from tests.tasks.handlers.queue_runs import LOCAL, consumed, run, stored

handlers.load(["tasks.handlers"])
FIELDS = redis_fields()


@pytest.fixture
def stream() -> str:
    return f"stream-{uuid4().hex}"


@pytest.fixture
def look() -> Iterator[Any]:
    client = redis.Redis.from_url(servers.REDIS_URL)
    yield client
    client.close()


def consumers(look: Any, stream: str) -> list[str]:
    return [each["name"].decode() for each in look.xinfo_consumers(stream, "readers")]


def test_a_message_goes_out_and_comes_in_as_it_was(stream):
    sent = {"body": {"order": 7}, "key": "k", "headers": {"kind": "paid"}}
    assert run(FIELDS, queue=stream, **sent)["published"] == 1
    result, (message,) = consumed(FIELDS, queue=stream, group="readers")
    assert {name: message[name] for name in sent} == sent
    assert message["message_id"].endswith(":1")
    assert (result["messages"], result["ended_by"], result["acknowledged"]) == (1, "idle", True)
    assert result["head"] == [message]
    assert consumed(FIELDS, queue=stream, group="readers") == (
        {"messages": 0, "bytes": 0, "ended_by": "idle", "acknowledged": False},
        [],
    )


def test_any_bytes_come_through(stream):
    odd = base64.b64encode(b"\xff\x00\xfe").decode()
    messages = [{"body": odd, "encoding": "base64"}, {"body": "no JSON", "encoding": "text"}, {"body": "nul \x00"}]
    run(FIELDS, queue=stream, operation="publish_batch", messages=messages)
    result, found = consumed(FIELDS, queue=stream, group="readers")
    assert [(each["body"], each["encoding"]) for each in found] == [
        (odd, "base64"), ("no JSON", "text"), ("nul \x00", "json")
    ]  # fmt: skip
    assert result["head"][2] == {"omitted": "see the artifact: a result cannot hold this message"}


def test_what_is_not_stored_is_handed_back(stream, look, monkeypatch):
    """A cancelled reader leaves nothing pending under its name, and the next one gets all."""
    run(FIELDS, queue=stream, operation="publish_batch", messages=[{"body": n} for n in range(300)])
    context = contexts.RecordingContext(LOCAL)
    monkeypatch.setattr(contexts.RecordingContext, "cancelled", property(lambda self: len(self.lines) > 1))
    with pytest.raises(Cancelled):
        run(FIELDS, queue=stream, context=context, operation="consume", group="readers")
    monkeypatch.undo()
    assert stored(context) == []
    assert consumers(look, stream) == [redis_streams.RETURNED]
    _, found = consumed(FIELDS, queue=stream, group="readers")
    assert sorted(each["body"] for each in found) == list(range(300))
    assert consumers(look, stream) == []


def test_nothing_is_acknowledged_before_the_artifact_is_kept(stream, look, monkeypatch):
    run(FIELDS, queue=stream, body=1)
    kept = contexts.RecordingContext.artifact

    def failing(self: Any, name: str, **options: Any) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def broken() -> Any:
            with kept(self, name, **options) as file:
                yield file
                raise HandlerError("the disk is full")

        return broken()

    monkeypatch.setattr(contexts.RecordingContext, "artifact", failing)
    with pytest.raises(HandlerError, match="disk is full"):
        consumed(FIELDS, queue=stream, group="readers")
    monkeypatch.undo()
    assert look.xpending(stream, "readers")["pending"] == 1
    assert len(consumed(FIELDS, queue=stream, group="readers")[1]) == 1


def test_the_next_attempt_goes_on_with_what_a_killed_one_was_given(stream, look):
    run(FIELDS, queue=stream, body=1)
    look.xgroup_create(stream, "readers", "0")
    with contexts.recording(LOCAL) as context:
        look.xreadgroup("readers", f"carillon-{context.execution_id}", {stream: ">"})
        run(FIELDS, queue=stream, context=context, operation="consume", group="readers", idle_seconds=0.5)
        assert [each["body"] for each in stored(context)] == [1]


def test_what_somebody_else_left_long_ago_is_taken_over(stream, look, monkeypatch):
    run(FIELDS, queue=stream, body=1)
    look.xgroup_create(stream, "readers", "0")
    look.xreadgroup("readers", "gone", {stream: ">"})
    assert consumed(FIELDS, queue=stream, group="readers")[1] == []
    monkeypatch.setattr(redis_streams, "ABANDONED_SECONDS", 0)
    assert len(consumed(FIELDS, queue=stream, group="readers")[1]) == 1


def test_without_a_group_it_only_looks(stream, look):
    run(FIELDS, queue=stream, operation="publish_batch", messages=[{"body": n} for n in range(250)])
    for _ in range(2):
        result, found = consumed(FIELDS, queue=stream, max_messages=240)
        assert [each["body"] for each in found] == list(range(240))
        assert (result["acknowledged"], result["ended_by"]) == (False, "max_messages")
    assert look.xinfo_groups(stream) == []


def test_reading_ends_behind_so_many_bytes_and_leaves_the_rest(stream):
    run(FIELDS, queue=stream, operation="publish_batch", messages=[{"body": "x" * 1000} for _ in range(10)])
    result, found = consumed(FIELDS, queue=stream, group="readers", max_bytes=3000)
    assert (result["ended_by"], len(found)) == ("max_bytes", 3)
    assert len(consumed(FIELDS, queue=stream, group="readers")[1]) == 7


def test_an_answer_that_is_too_long_is_not_read_on(stream, monkeypatch):
    run(FIELDS, queue=stream, body="x" * 100_000)
    monkeypatch.setattr(redis_wire, "LONGEST_ANSWER", 50_000)
    with pytest.raises(HandlerError) as caught:
        consumed(FIELDS, queue=stream, group="readers")
    assert caught.value.code == Failure.RESOURCE_LIMIT


def test_depth_and_purge(stream):
    run(FIELDS, queue=stream, operation="publish_batch", messages=[{"body": n} for n in range(5)])
    consumed(FIELDS, queue=stream, group="readers", max_messages=2)
    assert run(FIELDS, queue=stream, operation="depth", group="readers")["lag"] == 3
    assert run(FIELDS, queue=stream, operation="purge") == {"purged": 5}
    assert run(FIELDS, queue=stream, operation="depth")["messages"] == 0


def test_lines_of_an_artifact_are_sent(stream):
    run(FIELDS, queue=stream, operation="publish_batch", messages=[{"body": {"n": n}, "key": str(n)} for n in range(3)])
    with contexts.recording(LOCAL) as context:
        result = run(FIELDS, context=context, queue=stream, operation="consume", idle_seconds=0.5)
        source = {**result["artifact"], "execution": str(context.execution_id)}
        again = {"operation": "publish_batch", "queue": f"{stream}-2", "artifact": source}
        assert run(FIELDS, context=context, **again, lines="messages")["published"] == 3
        again["artifact"] = {**result["artifact"], "execution_id": str(context.execution_id)}  # as it was called before
        assert [(each["body"], each["key"]) for each in consumed(FIELDS, queue=f"{stream}-2")[1]] == [
            ({"n": n}, str(n)) for n in range(3)
        ]
        run(FIELDS, context=context, **again, lines="bodies")
        assert consumed(FIELDS, queue=f"{stream}-2")[1][5]["body"]["body"] == {"n": 2}


def test_a_message_that_cannot_be_sent_says_which(stream):
    with pytest.raises(
        PermanentFailure, match="message 2 cannot be sent: a body that is text must be a string"
    ) as caught:
        run(FIELDS, queue=stream, operation="publish_batch", encoding="text", messages=[{"body": "a"}, {"body": 1}])
    assert caught.value.code == Failure.PAYLOAD_INVALID


@pytest.mark.parametrize("field", [{"partition": 1}, {"exchange": "x"}, {"headers": {"body": "x"}}])
def test_fields_that_mean_nothing_here_are_refused(stream, field):
    with pytest.raises(PermanentFailure, match=f"payload.{next(iter(field))}: "):
        run(FIELDS, queue=stream, body=1, **field)


def test_our_own_redis_is_closed(stream, monkeypatch):
    monkeypatch.setattr(egress, "_protected", frozenset({(FIELDS["host"], FIELDS["port"])}))
    with pytest.raises(egress.UnsafeTarget, match="belongs to Carillon itself"):
        run(FIELDS, queue=stream, body=1, allowed=["0.0.0.0/0"])


def test_a_wrong_password_is_told(stream):
    with pytest.raises(HandlerError, match="Redis refuses") as caught:
        run({**FIELDS, "password": "not the password"}, queue=stream, body=1)
    assert "broker" in caught.value.tags
