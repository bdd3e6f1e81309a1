"""``GET /executions/{id}/stream`` and ``…/events``: who may, from where on, and what is refused."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings

from tests.support import actors, ids, rows


@pytest.fixture
def ended(owner: Any) -> Any:
    return rows.execution(rows.job(owner.tenant.id), "succeeded", result={"a": 1})


def stream(actor: Any, execution: Any, *, last: str | None = None, **query: Any) -> Any:
    headers = {"Accept": "text/event-stream", **({} if last is None else {"Last-Event-ID": last})}
    return actor.api._client.get(f"/api/v1/executions/{execution}/stream", query, headers=headers)


def event_ids(answer: Any) -> list[str]:
    text = b"".join(answer.streaming_content).decode()
    return [line.removeprefix("id: ") for line in text.split("\n") if line.startswith("id: ")]


def test_without_an_asynchronous_server_it_tells_what_is_known_and_ends(owner, ended):
    answer = stream(owner, ended)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
    assert (answer["Cache-Control"], answer["X-Accel-Buffering"]) == ("no-store", "no")
    text = b"".join(answer.streaming_content).decode()
    assert [line for line in text.split("\n") if line.startswith("event")] == [
        "event: state",
        "event: state",
        "event: end",
    ]


def test_it_goes_on_after_the_event_that_is_named_by_header_or_query(owner, ended):
    first, second, end = event_ids(stream(owner, ended))
    assert event_ids(stream(owner, ended, last=first)) == [second, end]
    assert event_ids(stream(owner, ended, after=second)) == [end]
    # A browser that connects again sends its header to the address it was given.
    assert event_ids(stream(owner, ended, last=second, after=first)) == [end]
    assert stream(owner, ended, last=end).status_code == 204


@pytest.mark.parametrize("wrong", ["x", "1-0", "1-0-00000000", "0", "a b", "9" * 1000])
def test_a_garbled_place_is_refused(owner, ended, wrong):
    for answer in (stream(owner, ended, last=wrong), stream(owner, ended, after=wrong)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_CURSOR")


def test_an_event_of_another_execution_is_no_place_here(owner, ended):
    other = rows.execution(rows.job(owner.tenant.id), "succeeded")
    assert stream(owner, ended, last=event_ids(stream(owner, other))[0]).status_code == 400


def test_others_find_nothing_and_errors_are_json(owner, outsider, ended):
    for answer in (stream(outsider, ended), stream(owner, uuid4()), stream(owner, "nonsense")):
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert stream(owner, ended, what="x").json()["error"]["code"] == "UNKNOWN_FIELD"


def test_it_takes_the_scope_of_executions(owner, ended):
    narrow = actors.with_scopes(owner, ["jobs:read", "logs:read"])
    assert stream(narrow, ended).status_code == 403


def test_without_an_asynchronous_server_its_seat_is_free_when_it_was_read(owner, ended):
    with override_settings(STREAMS={"key": 1, "tenant": 1, "process": 1000}):
        kept = [stream(owner, ended)]
        assert stream(owner, ended).status_code == 429
        assert event_ids(kept[0])
        assert event_ids(stream(owner, ended))


def test_too_many_are_told_when_to_try_again(owner, ended):
    with override_settings(STREAMS={"key": 0, "tenant": 1, "process": 1000}):
        answer = stream(owner, ended)
        assert (answer.status_code, answer["Retry-After"], answer.json()["error"]["code"]) == (429, "5", "RATE_LIMITED")
    with override_settings(STREAMS={"key": 1, "tenant": 1, "process": 0}):
        answer = stream(owner, ended)
        assert (answer.status_code, answer["Retry-After"], answer.json()["error"]["code"]) == (503, "5", "UNAVAILABLE")


def test_a_place_beyond_all_claims_is_refused(owner, ended):
    step = 8 * 2**31
    check = sha256(f"{ended} {step} 0".encode()).hexdigest()[:8]
    answer = stream(owner, ended, last=f"{step}-0-{check}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_CURSOR")


def test_head_takes_no_seat(owner):
    execution = rows.execution(rows.job(owner.tenant.id), "running")
    with override_settings(STREAMS={"process": 0, "tenant": 0, "key": 0}):
        answer = owner.api._client.head(f"/api/v1/executions/{execution}/stream")
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "text/event-stream", b"")


def events(actor: Any, execution: Any, **query: Any) -> Any:
    return actor.api.get(f"/api/v1/executions/{execution}/events", **query)


def test_the_changes_of_its_state_are_a_list_too_with_the_ids_of_the_stream(owner, ended):
    first, second, end = event_ids(stream(owner, ended))
    told = events(owner, ended).json()
    assert [(each["id"], each["state"]) for each in told["data"]] == [(first, "scheduled"), (second, "succeeded")]
    assert told["next_cursor"] is None
    assert [each["id"] for each in events(owner, ended, after=first).json()["data"]] == [second]
    assert events(owner, ended, after=end).json()["data"] == []


def test_of_many_tries_there_are_pages_and_none_is_told_twice(owner, ended, monkeypatch):
    for epoch in (1, 2, 3):
        rows.insert(
            "attempt", id=ids.child_of(ended), tenant_id=owner.tenant.id, execution_id=ended, number=epoch, epoch=epoch,
            state="failed", worker="w", worker_id=uuid4(), worker_pid=1,
            queued_at=rows.now(), started_at=rows.now(), error_code="", error_message="",
        )  # fmt: skip
    rows.change("UPDATE execution SET epoch = 3 WHERE id = %s", ended)
    whole = events(owner, ended).json()
    assert whole["next_cursor"] is None
    monkeypatch.setattr("jobs.timelines.MOST_TRIES", 2)
    monkeypatch.setattr("jobs.rules.timeline.MOST_TRIES", 2)
    found, query = [], {}
    while True:
        page = events(owner, ended, **query).json()
        found += page["data"]
        if page["next_cursor"] is None:
            break
        query = {"after": page["next_cursor"]}
    assert found == whole["data"]
    assert query


def test_events_of_others_or_after_a_garbled_place_are_refused(owner, outsider, ended):
    assert events(outsider, ended).status_code == 404
    assert events(owner, ended, after="1-0-00000000").json()["error"]["code"] == "INVALID_CURSOR"
