from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
import pytest
from pydantic import ValidationError

from jobs.handlers import HandlerError, RetryLater
from jobs.rules.codes import Failure
from tasks import egress
from tasks.handlers.http import Http, HttpParams, shown
from tests.support import contexts, http_server
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.support.names import Names


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        yield running


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording(["127.0.0.1"], attempt=2) as recording:
        yield recording


def call(context: RecordingContext, url: str, **params: Any) -> Any:
    return Http().run(HttpParams(url=url, **params), context)


def failure(context: RecordingContext, url: str, **params: Any) -> HandlerError:
    with pytest.raises(HandlerError) as caught:
        call(context, url, **params)
    return caught.value


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
    assert set(result["timings"]) == {"connect_ms", "total_ms"}


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


def test_refused_connection_is_tagged(context: RecordingContext) -> None:
    with http_server.serving() as gone:
        url = gone.url()
    error = failure(context, url)
    assert (error.code, error.tags) == (Failure.EXECUTION_FAILED, {"connection"})


def test_unknown_host_is_tagged_as_a_connection_error(
    context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch)
    error = failure(context, "http://nowhere.test/")
    assert error.tags == {"connection"}
    assert "nowhere.test" in str(error)


def test_connection_closed_without_an_answer_is_tagged(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=lambda *_: None)
    assert failure(context, server.url()).tags == {"connection"}


def test_missing_answer_is_a_timeout(server: HttpServer, context: RecordingContext) -> None:
    server.hang("/")
    context.timeout = 0.3
    context.__post_init__()
    assert failure(context, server.url()).code == Failure.TIMEOUT


def test_answer_that_drips_is_a_timeout_of_the_whole_call(server: HttpServer, context: RecordingContext) -> None:
    def drip(wire: BinaryIO, closing: threading.Event) -> None:
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not closing.wait(0.02):
            wire.write(b"x")

    server.answer("/", raw=drip)
    context.timeout = 0.5
    context.__post_init__()
    assert failure(context, server.url()).code == Failure.TIMEOUT


def endless(head: bytes, chunk: bytes) -> http_server.Raw:
    def write(wire: BinaryIO, closing: threading.Event) -> None:
        wire.write(head)
        while not closing.is_set():
            wire.write(chunk)

    return write


def test_endless_headers_end_the_call(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=endless(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100))
    assert failure(context, server.url()).tags == {"connection"}


def test_endless_body_is_cut_off(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", raw=endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536))
    result = call(context, server.url())
    assert result["truncated"] is True
    assert result["bytes"] < 2 * 1024 * 1024


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2/", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/", "http://2130706433:1/"]
)
def test_forbidden_target_is_refused(context: RecordingContext, url: str) -> None:
    context.allowed_hosts = []
    error = failure(context, url)
    assert isinstance(error, egress.UnsafeTarget)
    assert error.code == Failure.UNSAFE_TARGET


def test_redirect_is_an_answer_like_any_other_unless_following(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", status=302, headers={"Location": "/next"})
    assert failure(context, server.url()).result["headers"]["location"] == "/next"
    assert len(server.requests) == 1


def redirected(server: HttpServer, target: str, status: int = 302) -> str:
    server.answer("/", status=status, headers={"Location": target})
    return server.url()


def test_redirect_within_the_origin_keeps_headers_and_cookies(server: HttpServer, context: RecordingContext) -> None:
    server.answer("/", status=302, headers={"Location": "/next", "Set-Cookie": "session=1"})
    call(context, server.url(), follow_redirects=True, headers={"Authorization": "Bearer t", "X-Token": "t"})
    sent = server.requests[1].headers
    assert (sent["authorization"], sent["x-token"], sent["cookie"]) == ("Bearer t", "t", "session=1")


def test_redirect_to_another_origin_drops_whatever_may_be_a_credential(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext
) -> None:
    server.answer("/", status=307, headers={"Location": elsewhere.url("/next"), "Set-Cookie": "session=1"})
    secret = {
        "Authorization": "Bearer t",
        "Cookie": "a=b",
        "X-Token": "t",
        "Host": "inside.test",
        "Accept": "text/html",
    }
    call(context, server.url(), method="POST", body={"a": 1}, follow_redirects=True, headers=secret)
    (second,) = elsewhere.requests
    assert second.headers["accept"] == "text/html"
    assert second.headers["idempotency-key"] == context.idempotency_key
    assert second.headers["host"] == f"127.0.0.1:{elsewhere.port}"
    assert not {"authorization", "cookie", "x-token"} & set(second.headers)
    assert (second.method, second.body) == ("POST", b'{"a":1}')


def test_log_in_of_the_url_does_not_follow_to_another_origin(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext
) -> None:
    redirected(server, elsewhere.url())
    call(context, server.url(host="anna:secret@127.0.0.1"), follow_redirects=True)
    assert "authorization" not in elsewhere.requests[0].headers


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
    ],
)
def test_redirect_decides_the_next_method(
    server: HttpServer, context: RecordingContext, status: int, method: str, then: str
) -> None:
    call(context, redirected(server, "/next", status), method=method, body="x", follow_redirects=True)
    second = server.requests[1]
    assert (second.method, second.body) == (then, b"" if then in ("GET", "HEAD") else b"x")


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/",
        "http://127.0.0.2/",
        "//10.0.0.1/",
        "http://[::1]/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[/",
    ],
)
def test_redirect_to_a_forbidden_target_is_refused(server: HttpServer, context: RecordingContext, target: str) -> None:
    error = failure(context, redirected(server, target), follow_redirects=True)
    assert isinstance(error, egress.UnsafeTarget)


def test_redirect_to_one_of_our_own_servers_is_refused(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress, "_protected", frozenset({("127.0.0.1", elsewhere.port)}))
    error = failure(context, redirected(server, elsewhere.url()), follow_redirects=True)
    assert isinstance(error, egress.UnsafeTarget)
    assert elsewhere.requests == []


def test_name_that_turns_to_a_forbidden_address_between_hops_is_refused(
    server: HttpServer, context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch).resolve("rebind.test", ["127.0.0.1"], ["127.0.0.2"])
    target = f"http://rebind.test:{server.port}/next"
    error = failure(context, redirected(server, target).replace("127.0.0.1", "rebind.test"), follow_redirects=True)
    assert isinstance(error, egress.UnsafeTarget)


def test_redirects_in_a_circle_end(server: HttpServer, context: RecordingContext) -> None:
    error = failure(context, redirected(server, "/"), follow_redirects=True)
    assert error.tags == {"redirects"}
    assert len(server.requests) == 6


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


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", *files]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return tls


@pytest.mark.needs("openssl")
def test_certificate_nobody_vouches_for_is_accepted_only_when_told_to(
    context: RecordingContext, self_signed: ssl.SSLContext
) -> None:
    with http_server.serving(tls=self_signed) as server:
        error = failure(context, server.url())
        assert error.tags == {"connection"}
        assert "certificate" in str(error)
        assert call(context, server.url(), verify_tls=False)["status"] == 200


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
