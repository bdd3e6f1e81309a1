"""Redirects: who is followed where, and what is not taken along."""

from __future__ import annotations

import pytest

from jobs.handlers import PermanentFailure
from tasks import egress
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.support.names import Names
from tests.tasks.handlers.http_calls import call, failure


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


def test_a_body_with_a_secret_in_it_is_not_sent_to_another_origin(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext
) -> None:
    context.hide(["p4ssw0rd"])
    redirected(server, elsewhere.url(), 308)
    body = {"method": "POST", "body": {"password": "p4ssw0rd"}}
    with pytest.raises(PermanentFailure, match="a body with a secret in it to another origin"):
        call(context, server.url(), follow_redirects=True, **body)
    assert elsewhere.requests == []
    server.answer("/home", status=308, headers={"Location": server.url("/next")})
    call(context, server.url("/home"), follow_redirects=True, **body)
    assert b"p4ssw0rd" in server.requests[-1].body


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
