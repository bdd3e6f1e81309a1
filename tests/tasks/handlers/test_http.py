"""What an `http` job sends, what of the answer it keeps, and what it makes of the status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from jobs.handlers import HandlerError, RetryLater
from jobs.rules.codes import Failure
from tasks.http.exchange import shown
from tasks.http.params import HttpParams
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.tasks.handlers.http_calls import call, failure


def test_call_says_who_asks_and_which_attempt_it_is(server: HttpServer, context: RecordingContext) -> None:
    call(context, server.url())
    sent = server.requests[0].headers
    assert sent["idempotency-key"] == context.idempotency_key
    assert sent["x-carillon-attempt"] == "2"
    assert sent["user-agent"] == "Carillon"
    assert sent["accept-encoding"] == "identity"
    version, trace, span, flags = sent["traceparent"].split("-")
    assert (version, trace, len(span), flags) == ("00", context.execution_id.hex, 16, "01")


def test_result_holds_status_body_and_timings(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", status=201, headers={"Content-Type": "application/json"}, body=b'{"id": 7}')
    result = call(context, server.url(), method="POST")
    assert (result["status"], result["body"], result["bytes"], result["truncated"]) == (201, {"id": 7}, 9, False)
    assert set(result["timings"]) == {"dns_ms", "connect_ms", "first_byte_ms", "total_ms"}


@pytest.mark.parametrize(
    ("params", "content_type", "body"),
    [
        ({"body": {"a": [1]}}, "application/json", b'{"a":[1]}'),
        ({"body": [None, False]}, "application/json", b"[null,false]"),
        ({"body": 0}, "application/json", b"0"),
        ({"body": "grüß"}, "text/plain; charset=utf-8", "grüß".encode()),
        ({"body": "<a/>", "headers": {"content-type": "text/xml"}}, "text/xml", b"<a/>"),
        ({"form": {"a": "1 2", "b": ["x", "y"]}}, "application/x-www-form-urlencoded", b"a=1+2&b=x&b=y"),
        ({}, None, b""),
    ],
)
def test_body_is_sent_as_what_it_is(
    server: HttpServer, context: RecordingContext, params: dict[str, Any], content_type: str | None, body: bytes
) -> None:
    call(context, server.url(), method="POST", **params)
    assert server.requests[0].headers.get("content-type") == content_type
    assert server.requests[0].body == body


def test_query_is_added_to_the_urls_own(server: HttpServer, context: RecordingContext) -> None:
    call(context, server.url("/?a=1"), query={"b": 2, "c": ["x", "y"], "d": True})
    assert server.requests[0].query == "a=1&b=2&c=x&c=y&d=true"


def test_own_headers_are_sent_and_win_over_ours(server: HttpServer, context: RecordingContext) -> None:
    call(context, server.url(), headers={"X-Token": "t", "Idempotency-Key": "mine", "Accept-Encoding": "gzip"})
    sent = server.requests[0].headers
    assert (sent["x-token"], sent["idempotency-key"], sent["accept-encoding"]) == ("t", "mine", "identity")


def test_log_in_of_the_url_is_sent_as_basic_authorization(server: HttpServer, context: RecordingContext) -> None:
    call(context, server.url(host="anna:secret@127.0.0.1"))
    assert server.requests[0].headers["authorization"] == "Basic YW5uYTpzZWNyZXQ="
    assert "secret" not in str(context.lines)


@pytest.mark.parametrize("expected", [404, "404", "400-499", [200, 404], [200, "400-404"]])
def test_any_status_can_be_the_expected_one(server: HttpServer, context: RecordingContext, expected: Any) -> None:
    server.answer("/", status=404)
    assert call(context, server.url(), expected_status=expected)["status"] == 404


def test_unexpected_status_fails_with_its_tags_and_the_answer(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", status=503, body=b"closed")
    error = failure(context, server.url())
    assert type(error) is HandlerError
    assert (error.code, error.tags) == (Failure.EXECUTION_FAILED, {"http:503", "http:5xx"})
    assert error.result["body"] == "closed"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_honoured(server: HttpServer, context: RecordingContext, status: int) -> None:
    server.answer("/", status=status, headers={"Retry-After": "7"})
    error = failure(context, server.url())
    assert isinstance(error, RetryLater)
    assert error.delay == timedelta(seconds=7)
    assert error.tags == {f"http:{status}", f"http:{status // 100}xx"}
    assert error.result["headers"]["retry-after"] == "7"
    assert "7 s" in str(error)
    assert "retried" not in str(error), "whether it is, its job decides"


def test_retry_after_as_a_date_is_honoured(server: HttpServer, context: RecordingContext) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    server.answer("/", status=503, headers={"Retry-After": format_datetime(at, usegmt=True)})
    error = failure(context, server.url())
    assert isinstance(error, RetryLater)
    assert timedelta(minutes=50) < error.delay <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("0", timedelta()),
        ("86401", timedelta(days=1)),
        ("9" * 400, timedelta(days=1)),
        ("Wed, 01 Jan 2020 00:00:00 GMT", timedelta()),
        ("Wed, 01 Jan 2020 00:00:00 -0000", timedelta()),
        ("Fri, 01 Jan 2999 00:00:00 GMT", timedelta(days=1)),
    ],
)
def test_retry_after_is_kept_between_now_and_a_day(
    server: HttpServer, context: RecordingContext, text: str, delay: timedelta
) -> None:
    server.answer("/", status=429, headers={"Retry-After": text})
    error = failure(context, server.url())
    assert isinstance(error, RetryLater)
    assert error.delay == delay


@pytest.mark.parametrize(("status", "text"), [(503, "soon"), (503, "-5"), (503, ""), (503, "1.5"), (500, "7")])
def test_retry_after_that_means_nothing_is_passed_over(
    server: HttpServer, context: RecordingContext, status: int, text: str
) -> None:
    server.answer("/", status=status, headers={"Retry-After": text})
    assert type(failure(context, server.url())) is HandlerError


def test_log_tells_the_request_and_the_outcome_without_secrets(server: HttpServer, context: RecordingContext) -> None:
    call(context, server.url("/a/b?token=hush"), headers={"Authorization": "hush"}, query={"key": "hush"})
    first, second = context.messages()
    assert first == f"GET http://127.0.0.1:{server.port}/a/b?token=…&key=…"
    assert second.startswith("answer 200 OK, 0 bytes in ")
    assert "hush" not in str(context.lines)


@pytest.mark.parametrize(
    ("url", "text"),
    [("https://a:b@x.test/p#f", "https://x.test/p"), ("http://[::1]:81?a=1&a=2", "http://[::1]:81/?a=…&a=…")],
)
def test_url_is_shown_without_log_in_fragment_and_query_values(url: str, text: str) -> None:
    assert shown(httpx2.URL(url)) == text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://x.test/"),
        ("url", "/path"),
        ("url", "http://"),
        ("url", "http://x.test:99999/"),
        ("url", "unix:///run/x"),
        ("method", "TRACE"),
        ("headers", {"A b": "c"}),
        ("headers", {"A": "b\r\nC: d"}),
        ("headers", {"A": "grün"}),
        ("headers", {"Content-Length": "5"}),
        ("headers", {"transfer-encoding": "chunked"}),
        ("query", {"a": {"b": 1}}),
        ("expected_status", 99),
        ("expected_status", "2xx"),
        ("expected_status", ["200-"]),
        ("follow_redirects", "perhaps"),
        ("form", ["a"]),
    ],
)
def test_unusable_parameter_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpParams.model_validate({"url": "http://x.test/", field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_form_and_body_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        HttpParams.model_validate({"url": "http://x.test/", "form": {}, "body": "x"})
