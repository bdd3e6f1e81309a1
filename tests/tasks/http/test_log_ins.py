"""Who a call says it is, and to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks.http import log_ins
from tasks.http.params import HttpParams
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer
from tests.tasks.handlers.http_calls import call, failure

ANNA = "Basic YW5uYTpzZWNyZXQtc2VjcmV0"


@pytest.fixture(autouse=True)
def no_tokens() -> Iterator[None]:
    log_ins._kept.clear()
    yield
    log_ins._kept.clear()


def named(context: RecordingContext, kind: str, **fields: Any) -> dict[str, Any]:
    context.revealed = {"api": {"kind": kind, **fields}}
    return {"connection": "api"}


def oauth2(context: RecordingContext, server: HttpServer, **fields: Any) -> dict[str, Any]:
    log_in = {"client_id": "shop", "client_secret": "top-secret-client"}
    return named(context, "oauth2_client", token_url=server.url("/token"), **log_in, **fields)


def tokens(server: HttpServer, *texts: str, seconds: object = 3600) -> None:
    for text in texts:
        body = json.dumps({"access_token": text, "token_type": "Bearer", "expires_in": seconds}).encode()
        server.answer("/token", body=body)


def authorizations(server: HttpServer, path: str = "/") -> list[str | None]:
    return [request.headers.get("authorization") for request in server.requests if request.path == path]


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"basic": {"user": "anna", "password": "secret-secret"}}, ANNA),
        ({"bearer": "a-token-of-mine"}, "Bearer a-token-of-mine"),
    ],
)
def test_log_in_of_the_payload_is_sent(server: HttpServer, context: RecordingContext, auth: Any, sent: str) -> None:
    call(context, server.url(), auth=auth)
    assert authorizations(server) == [sent]
    assert sent.partition(" ")[2] in context.secrets


@pytest.mark.parametrize(
    ("kind", "fields", "sent"),
    [
        ("http_basic", {"user": "anna", "password": "secret-secret"}, ANNA),
        ("http_bearer", {"token": "a-token-of-mine"}, "Bearer a-token-of-mine"),
    ],
)
def test_log_in_of_a_connection_is_sent_to_its_origin_only(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext, kind: str, fields: Any, sent: str
) -> None:
    auth = named(context, kind, base_url=server.url("/v1"), **fields)
    call(context, server.url(), auth=auth)
    assert authorizations(server) == [sent]
    error = failure(context, elsewhere.url(), auth=auth)
    assert isinstance(error, PermanentFailure)
    assert error.code == Failure.CONFIG_INVALID
    assert elsewhere.requests == []


def test_token_is_got_by_client_credentials_and_kept(server: HttpServer, context: RecordingContext) -> None:
    tokens(server, "token-one-token-one", "token-two-token-two")
    auth = oauth2(context, server, scope="reports.read")
    call(context, server.url(), auth=auth)
    call(context, server.url(), auth=auth)
    assert authorizations(server) == ["Bearer token-one-token-one"] * 2
    (asked,) = (request for request in server.requests if request.path == "/token")
    assert asked.body == b"grant_type=client_credentials&scope=reports.read"
    assert asked.headers["authorization"] == "Basic c2hvcDp0b3Atc2VjcmV0LWNsaWVudA=="
    assert "token-one-token-one" in context.secrets


def test_client_may_be_told_in_the_body(server: HttpServer, context: RecordingContext) -> None:
    tokens(server, "token-one-token-one")
    call(context, server.url(), auth=oauth2(context, server, send_in="body"))
    assert server.requests[0].body.endswith(b"client_id=shop&client_secret=top-secret-client")
    assert "authorization" not in server.requests[0].headers


def test_refused_token_is_got_anew_once(server: HttpServer, context: RecordingContext) -> None:
    tokens(server, "token-one-token-one", "token-two-token-two")
    server.answer("/", status=401)
    server.answer("/")
    assert call(context, server.url(), method="POST", body="x", auth=oauth2(context, server))["status"] == 200
    assert authorizations(server) == ["Bearer token-one-token-one", "Bearer token-two-token-two"]
    server.answer("/shut", status=401)
    error = failure(context, server.url("/shut"), auth={"connection": "api"})
    assert error.tags == {"http:401", "http:4xx"}
    assert len(authorizations(server, "/shut")) == 2


@pytest.mark.parametrize("seconds", [None, 0, "soon", True])
def test_token_that_says_not_how_long_it_is_good_is_used_once(
    server: HttpServer, context: RecordingContext, seconds: object
) -> None:
    tokens(server, "token-one-token-one", "token-two-token-two", seconds=seconds)
    auth = oauth2(context, server)
    call(context, server.url(), auth=auth)
    call(context, server.url(), auth=auth)
    assert authorizations(server) == ["Bearer token-one-token-one", "Bearer token-two-token-two"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": 400, "body": b'{"error": "invalid_client"}'}, "400 Bad Request, invalid_client"),
        ({"body": b"{}"}, "gives no token"),
        ({"body": b'{"access_token": "a\\r\\nX: b"}'}, "gives no token"),
        ({"body": b'{"access_token": "abc", "token_type": "mac"}'}, "gives no token"),
        ({"body": b"[" * 5000}, "gives no token"),
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, "302 Found"),
    ],
)
def test_server_that_gives_no_token_fails_the_attempt(
    server: HttpServer, context: RecordingContext, answer: Any, says: str
) -> None:
    server.answer("/token", **answer)
    error = failure(context, server.url(), auth=oauth2(context, server))
    assert says in str(error)
    assert "oauth2" in error.tags
    assert [request.path for request in server.requests] == ["/token"]


def test_token_server_is_behind_the_guard(server: HttpServer, context: RecordingContext) -> None:
    auth = oauth2(context, server)
    context.revealed["api"]["token_url"] = "http://169.254.169.254/token"  # type: ignore[index]
    assert failure(context, server.url(), auth=auth).code == Failure.UNSAFE_TARGET
    assert server.requests == []


def test_token_goes_where_its_connection_says(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext
) -> None:
    auth = oauth2(context, server, base_url=server.url("/v1"))
    assert failure(context, elsewhere.url(), auth=auth).code == Failure.CONFIG_INVALID
    assert elsewhere.requests == server.requests == []


def test_log_in_does_not_follow_a_redirect_to_another_origin_and_not_back_either(
    server: HttpServer, elsewhere: HttpServer, context: RecordingContext
) -> None:
    server.answer("/", status=307, headers={"Location": elsewhere.url("/over")})
    elsewhere.answer("/over", status=307, headers={"Location": server.url("/back")})
    call(context, server.url(), auth={"bearer": "a-token-of-mine"}, follow_redirects=True)
    assert authorizations(server) == ["Bearer a-token-of-mine"]
    assert authorizations(elsewhere, "/over") == [None]
    assert authorizations(server, "/back") == [None]


@pytest.mark.parametrize(
    "auth", [{}, {"bearer": "t", "connection": "api"}, {"basic": {"user": "a:b", "password": "x"}}, {"digest": "x"}]
)
def test_log_in_that_is_not_one_is_refused(auth: Any) -> None:
    with pytest.raises(ValidationError):
        HttpParams.model_validate({"url": "http://x.test/", "auth": auth})


@pytest.mark.parametrize("other", [{"headers": {"authorization": "x"}}, {"url": "http://a:b@x.test/"}])
def test_two_log_ins_are_refused(other: Any) -> None:
    with pytest.raises(ValidationError, match="auth excludes"):
        HttpParams.model_validate({"url": "http://x.test/", "auth": {"bearer": "t"}, **other})


def test_a_connection_that_is_no_log_in_calls_nobody(server: HttpServer, context: RecordingContext) -> None:
    auth = named(context, "webhook", webhook_url="https://hooks.test/made-up-secret")
    error = failure(context, server.url(), auth=auth)
    assert (error.code, isinstance(error, PermanentFailure)) == (Failure.CONFIG_INVALID, True)
    assert "api is of kind webhook" in str(error)
    assert server.requests == []
