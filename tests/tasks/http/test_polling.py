"""Looks at a status URL: when, how often, with what, and what a crash between them leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.engine import transitions
from jobs.engine.records import Fence, Problem
from jobs.handlers import Defer
from jobs.rules.codes import Failure
from jobs.rules.states import State
from tasks import egress, runner
from tasks.http import log_ins
from tasks.http.params import HttpParams
from tests.support import rows
from tests.support.attempts import Outcome
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.tasks.handlers.http_calls import call, failure


def deferred(context: RecordingContext, url: str, **params: Any) -> Defer:
    """What a go of the call asks for, which the next one is told."""
    with pytest.raises(Defer) as caught:
        call(context, url, **params)
    context.keeps = json.loads(json.dumps(caught.value.keep))
    return caught.value


def accepted(server: HttpServer, location: str = "/status") -> str:
    server.answer("/", status=202, headers={"Location": location})
    return server.url()


def state_of(context: RecordingContext) -> dict[str, Any]:
    found: dict[str, Any] = context.keeps["poll"]
    return found


POST = {"method": "POST", "body": {"report": "daily"}}


def test_accepted_call_is_looked_at_until_it_is_done(server: HttpServer, context: RecordingContext) -> None:
    url = accepted(server)
    server.answer("/status", status=202)
    server.answer("/status", headers={"Content-Type": "application/json"}, body=b'{"id": 7}')
    assert deferred(context, url, poll={}, **POST).delay == timedelta(seconds=10)
    assert deferred(context, url, poll={}, **POST).delay == timedelta(seconds=10)
    result = call(context, url, poll={}, extract={"id": "/id"}, success_if="json.id == 7", **POST)
    assert [(request.method, request.path) for request in server.requests] == [
        ("POST", "/"), ("GET", "/status"), ("GET", "/status"),
    ]  # fmt: skip
    assert (result["extracted"], result["poll"]["looks"]) == ({"id": 7}, 2)
    assert result["poll"]["url"] == server.url("/status")
    assert {request.headers["idempotency-key"] for request in server.requests} == {context.idempotency_key}
    assert server.requests[1].body == b""


def test_answer_that_is_no_202_is_the_end_of_it(server: HttpServer, context: RecordingContext) -> None:
    assert call(context, server.url(), poll={})["status"] == 200


@pytest.mark.parametrize(("state", "is_done"), [("done", True), ("running", False)])
def test_answer_that_leads_nowhere_must_be_what_is_waited_for(
    server: HttpServer, context: RecordingContext, state: str, is_done: bool
) -> None:
    server.answer("/", body=json.dumps({"state": state}).encode())
    poll = {"until": "json.state == 'done'"}
    if is_done:
        assert call(context, server.url(), poll=poll)["status"] == 200
        return
    error = failure(context, server.url(), poll=poll)
    assert (error.code, error.tags) == (Failure.RESULT_REFUSED, {"poll", "http:200"})
    assert "it is no 202, and payload.poll.url is not said" in str(error)


def test_the_log_tells_that_there_was_nothing_to_wait_for(server: HttpServer, context: RecordingContext) -> None:
    call(context, server.url(), poll={})
    assert any("nothing to wait for" in message for message in context.messages())


def test_place_in_the_answer_may_say_where_to_look(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", body=b'{"links": {"status": "jobs/7"}}')
    deferred(context, server.url(), poll={"url": "/links/status"})
    assert state_of(context)["url"] == server.url("/jobs/7")


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"status": 7}', b'{"status": ""}'])
def test_answer_that_does_not_say_where_to_look_fails(
    server: HttpServer, context: RecordingContext, body: bytes
) -> None:
    server.answer("/", body=body)
    assert failure(context, server.url(), poll={"url": "/status"}).tags == {"poll"}
    server.answer("/empty", status=202)
    assert failure(context, server.url("/empty"), poll={}).tags == {"poll"}


def test_pause_grows_up_to_its_limit(server: HttpServer, context: RecordingContext) -> None:
    url = accepted(server)
    server.answer("/status", status=202)
    poll = {"interval_seconds": 4, "backoff": 3, "max_interval_seconds": 30}
    assert [deferred(context, url, poll=poll).delay.total_seconds() for _ in range(4)] == [4, 12, 30, 30]


@pytest.mark.parametrize(("text", "seconds"), [("77", 77), ("0", 1), ("soon", 10)])
def test_server_may_say_when_to_look_again(
    server: HttpServer, context: RecordingContext, text: str, seconds: int
) -> None:
    server.answer("/", status=202, headers={"Location": "/status", "Retry-After": text})
    assert deferred(context, server.url(), poll={}).delay == timedelta(seconds=seconds)


def test_condition_decides_when_it_is_done(server: HttpServer, context: RecordingContext) -> None:
    url = accepted(server)
    server.answer("/status", body=b'{"state": "running"}')
    server.answer("/status", body=b'{"state": "done"}')
    poll = {"until": "json.state == 'done'", "fail_if": "json.state == 'failed'"}
    for _ in range(2):
        deferred(context, url, poll=poll)
    assert call(context, url, poll=poll)["poll"]["looks"] == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"body": b'{"state": "failed"}'}, "poll.fail_if is true"),
        ({"body": b'{"other": 1}'}, "poll.fail_if cannot be computed"),
        ({"status": 404, "body": b'{"state": "gone"}'}, "unexpected status 404 Not Found"),
    ],
)
def test_look_that_will_never_be_done_fails(
    server: HttpServer, context: RecordingContext, answer: Mapping[str, Any], says: str
) -> None:
    url = accepted(server)
    server.answer("/status", **answer)
    poll = {"until": "json.state == 'done'", "fail_if": "json.state == 'failed'"}
    deferred(context, url, poll=poll)
    error = failure(context, url, poll=poll)
    assert says in str(error)
    assert error.result["poll"]["looks"] == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_server_that_cannot_tell_just_now_is_asked_again(
    server: HttpServer, context: RecordingContext, status: int
) -> None:
    url = accepted(server)
    server.answer("/status", status=status, headers={"Retry-After": "33"})
    deferred(context, url, poll={"until": "json.ok"})
    assert deferred(context, url, poll={"until": "json.ok"}).delay == timedelta(seconds=33)


def test_look_without_an_answer_is_repeated(server: HttpServer, context: RecordingContext) -> None:
    url = accepted(server)
    server.answer("/status", raw=lambda *_: None)
    deferred(context, url, poll={})
    deferred(context, url, poll={})
    assert state_of(context)["looks"] == 1


def test_it_is_over_when_its_time_is(server: HttpServer, context: RecordingContext) -> None:
    url = accepted(server)
    server.answer("/status", status=202)
    assert deferred(context, url, poll={"max_seconds": 5}).delay <= timedelta(seconds=5)
    state_of(context)["since"] -= 6
    error = failure(context, url, poll={"max_seconds": 5})
    assert (error.code, error.tags) == (Failure.TIMEOUT, {"poll", "timeout"})


def test_credentials_are_for_the_first_origin_only(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext
) -> None:
    secret = {"auth": {"bearer": "a-token-of-mine"}, "headers": {"X-Token": "t", "Accept": "text/html"}}
    url = accepted(server)
    server.answer("/status", status=202)
    deferred(context, url, poll={}, **secret)
    deferred(context, url, poll={}, **secret)
    home = server.requests[1].headers
    assert (home["authorization"], home["x-token"]) == ("Bearer a-token-of-mine", "t")
    state_of(context)["url"] = elsewhere.url("/status")
    call(context, url, poll={}, **secret)
    away = elsewhere.requests[0].headers
    assert not {"authorization", "x-token"} & set(away)
    assert away["accept"] == "text/html"


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/", "file:///etc/passwd", "http://127.0.0.1:99999/", "/" + "x" * 9000]
)
def test_status_url_where_no_call_may_go_is_refused(
    server: HttpServer, context: RecordingContext, location: str
) -> None:
    url = accepted(server, location)

    def both() -> None:
        deferred(context, url, poll={})
        call(context, url, poll={})

    with pytest.raises(egress.UnsafeTarget):
        both()


def test_status_url_with_a_secret_in_it_is_not_stored(server: HttpServer, context: RecordingContext) -> None:
    context.secrets = ["hush-hush-hush"]
    error = failure(context, accepted(server, "/status?key=hush-hush-hush"), poll={})
    assert error.code == Failure.CONFIG_INVALID
    assert "hush" not in str(error)


@pytest.mark.parametrize(
    "poll", [{"interval_seconds": 0}, {"backoff": 0.5}, {"max_seconds": 1e9}, {"url": "status"}, {"every": 5}]
)
def test_unusable_poll_is_refused(poll: Any) -> None:
    with pytest.raises(ValidationError):
        HttpParams.model_validate({"url": "http://x.test/", "poll": poll})


def again(outcome: Outcome) -> None:
    """Its next claim is due."""
    rows.change("UPDATE execution SET state = 'queued', not_before = now() WHERE id = %s", outcome.id)
    runner.run([(outcome.id, outcome.attempt)])


def crash(outcome: Outcome) -> None:
    """A worker takes it, and is never heard of again."""
    rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", outcome.id)
    (claim,) = transitions.claim_all([(outcome.id, outcome.attempt)], worker_id=outcome.id, worker="w", pid=1)
    fence = Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)
    lost = Problem(code=Failure.WORKER_LOST, message="gone")
    assert transitions.retry(fence, lost, delay=timedelta(), attempt_state="lost", crashes=1)


@pytest.mark.usefixtures("as_engine", "empty_database", "quick")
def test_crash_between_looks_does_not_send_the_first_request_again(server: HttpServer) -> None:
    url = accepted(server)
    server.answer("/status", status=202)
    server.answer("/status", body=b"done")
    job = rows.job(rows.tenant(allowed_hosts='["127.0.0.1"]'), type="http", payload={"url": url, **POST, "poll": {}})
    outcome = Outcome(rows.execution(job, State.QUEUED))
    runner.run([(outcome.id, 1)])
    assert (outcome.state, outcome.worker_id) == (State.SCHEDULED, None)
    crash(outcome)
    again(outcome)
    assert outcome.state == State.SCHEDULED
    again(outcome)
    assert (outcome.state, outcome.result["body"]) == (State.SUCCEEDED, "done")
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]
    assert {request.headers["idempotency-key"] for request in server.requests} == {str(outcome.id)}


@pytest.mark.usefixtures("as_engine", "empty_database", "quick")
def test_retry_after_a_failed_look_begins_anew(server: HttpServer) -> None:
    url = accepted(server)
    server.answer("/status", status=404)
    payload = {"url": url, **POST, "poll": {}}
    retry = {"max_attempts": 2}
    job = rows.job(rows.tenant(allowed_hosts='["127.0.0.1"]'), type="http", payload=payload, retry=retry)
    outcome = Outcome(rows.execution(job, State.QUEUED, max_attempts=2))
    runner.run([(outcome.id, 1)])
    again(outcome)
    assert [state for _, state, _ in outcome.attempts] == ["deferred", "failed"]
    again(outcome)
    assert [request.method for request in server.requests] == ["POST", "GET", "POST"]


def test_tokens_are_renewed_at_looks_too(server: HttpServer, context: RecordingContext) -> None:
    log_ins._kept.clear()
    fields = {"token_url": server.url("/token"), "client_id": "c", "client_secret": "top-secret-client"}
    context.revealed = {"api": {"kind": "oauth2_client", **fields}}
    for token in ("token-one-token-one", "token-two-token-two"):
        server.answer("/token", body=json.dumps({"access_token": token, "expires_in": 600}).encode())
    url = accepted(server)
    server.answer("/status", status=401)
    server.answer("/status")
    deferred(context, url, auth={"connection": "api"}, poll={})
    started = time.time()
    assert call(context, url, auth={"connection": "api"}, poll={})["poll"]["seconds"] <= time.time() - started + 60
    sent = [request.headers["authorization"] for request in server.requests if request.path == "/status"]
    assert sent == ["Bearer token-one-token-one", "Bearer token-two-token-two"]
    log_ins._kept.clear()
