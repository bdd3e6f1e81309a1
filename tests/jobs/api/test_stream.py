"""``GET /executions/{id}/stream``: who may, from where on, and what is refused."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings

from tests.support import actors, rows


@pytest.fixture
def ended(owner: Any) -> Any:
    return rows.execution(rows.job(owner.tenant.id), "succeeded", result={"a": 1})


def stream(actor: Any, execution: Any, *, last: str | None = None, **query: Any) -> Any:
    headers = {"Accept": "text/event-stream", **({} if last is None else {"Last-Event-ID": last})}
    return actor.api._client.get(f"/api/v1/executions/{execution}/stream", query, headers=headers)


def ids(answer: Any) -> list[str]:
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
    first, second, end = ids(stream(owner, ended))
    assert ids(stream(owner, ended, last=first)) == [second, end]
    assert ids(stream(owner, ended, after=second)) == [end]
    # A browser that connects again sends its header to the address it was given.
    assert ids(stream(owner, ended, last=second, after=first)) == [end]
    assert stream(owner, ended, last=end).status_code == 204


@pytest.mark.parametrize("wrong", ["x", "1-0", "1-0-00000000", "0", "a b", "9" * 1000])
def test_a_garbled_place_is_refused(owner, ended, wrong):
    for answer in (stream(owner, ended, last=wrong), stream(owner, ended, after=wrong)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_CURSOR")


def test_an_event_of_another_execution_is_no_place_here(owner, ended):
    other = rows.execution(rows.job(owner.tenant.id), "succeeded")
    assert stream(owner, ended, last=ids(stream(owner, other))[0]).status_code == 400


def test_others_find_nothing_and_errors_are_json(owner, outsider, ended):
    for answer in (stream(outsider, ended), stream(owner, uuid4()), stream(owner, "nonsense")):
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert stream(owner, ended, what="x").json()["error"]["code"] == "UNKNOWN_FIELD"


def test_it_takes_the_scope_of_executions(owner, ended):
    narrow = actors.with_scopes(owner, ["jobs:read", "logs:read"])
    assert stream(narrow, ended).status_code == 403


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
