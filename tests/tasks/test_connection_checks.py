"""Connections tried out against real servers, behind the egress guard, and never a secret in what is told."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from jobs import connections, handlers
from jobs.handlers import HandlerError, PermanentFailure
from tasks import egress
from tests.support import contexts, http_server, servers

handlers.load(["tasks.handlers"])
CANARY = "canary-51d0aa-password"
LOCAL = ["127.0.0.1", "localhost", "::1"]


def tried(fields: dict[str, Any], *, allowed: Any = LOCAL, must_pass: bool = False) -> tuple[Any, str]:
    """The result of a test, and all that was logged."""
    handler = handlers.get("connection_test")
    params = handler.params.model_validate({"connection": "it", "must_pass": must_pass})
    with contexts.recording(allowed, timeout=20, revealed={"it": fields}) as context:
        result = handler.run(params, context)
        told = "\n".join(context.messages())
    assert CANARY not in str(result) + told
    return result, told


@contextmanager
def talking(*answers: bytes, greeting: bytes = b"") -> Iterator[int]:
    """A server that greets, then answers whatever it gets with one line after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            with connected, contextlib.suppress(ConnectionError):  # the check may have heard enough
                connected.sendall(greeting)
                for answer in answers:
                    if not connected.recv(65536):
                        return
                    connected.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@pytest.fixture
def database() -> Iterator[dict[str, Any]]:
    """A log-in of the test server that has nothing to do with ours. Roles are the whole server's, so it has a name of its own."""
    parts, name = urlsplit(servers.URLS["super"]), f"outside_{secrets.token_hex(4)}"
    with servers.superuser() as superuser:
        superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{CANARY}'")  # type: ignore[call-overload]
        superuser.execute(f"GRANT CONNECT ON DATABASE {parts.path[1:]} TO {name}")  # type: ignore[call-overload]
    yield {
        "kind": "postgresql", "host": parts.hostname, "port": parts.port, "database": unquote(parts.path[1:]), "user": name,
        "password": CANARY, "tls": "off",
    }  # fmt: skip
    with servers.superuser() as superuser:
        superuser.execute(f"REVOKE ALL ON DATABASE {parts.path[1:]} FROM {name}")  # type: ignore[call-overload]
        superuser.execute(f"DROP ROLE {name}")  # type: ignore[call-overload]


def test_postgresql_is_logged_in_to(database):
    result, _ = tried(database)
    assert (result["ok"], result["logged_in"], result["user"]) == (True, True, database["user"])


def test_a_wrong_password_is_told_in_the_servers_words(database):
    result, _ = tried({**database, "password": "not the password"})
    assert (result["ok"], result["step"]) == (False, "log_in")
    assert "authentication failed" in result["problem"]


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(database):
    result, _ = tried({**database, "tls": "verify"})
    assert (result["ok"], result["step"]) == (False, "log_in")
    assert "SSL" in result["problem"]


def test_libpq_takes_nothing_from_the_workers_environment(database, monkeypatch, tmp_path):
    (tmp_path / "pass").write_text(f"*:*:*:*:{CANARY}\n")
    (tmp_path / "pass").chmod(0o600)
    without = {name: value for name, value in database.items() if name != "password"}
    with monkeypatch.context() as patch:
        patch.setenv("PGPASSFILE", str(tmp_path / "pass"))
        patch.setenv("PGPASSWORD", CANARY)
        patch.setenv("PGHOSTADDR", "203.0.113.1")
        result, _ = tried(without)
        assert (result["ok"], result["step"]) == (False, "log_in")
        assert tried(database)[0]["ok"]


def redis_fields(**fields: Any) -> dict[str, Any]:
    parts = urlsplit(servers.REDIS_URL)
    secret = {"password": unquote(parts.password or "")}
    return {"kind": "redis", "host": parts.hostname, "port": parts.port, "tls": "off", **secret, **fields}


def test_redis_is_logged_in_to_and_a_wrong_password_is_told():
    assert tried(redis_fields())[0]["logged_in"] is True
    result, _ = tried(redis_fields(password=CANARY))
    assert (result["ok"], result["step"]) == (False, "log_in")


def test_our_own_servers_are_closed_whatever_is_allowed(database, monkeypatch):
    parts = urlsplit(servers.REDIS_URL)
    own = frozenset({(parts.hostname, parts.port), (database["host"], database["port"])})
    monkeypatch.setattr(egress, "_protected", own)
    for fields in (redis_fields(), database, {**database, "host": "localhost"}):
        result, told = tried(fields, allowed=["0.0.0.0/0", "::/0", *LOCAL])
        assert (result["ok"], result["step"]) == (False, "reach")
        assert "belongs to Carillon itself" in result["problem"]
        assert "reached" not in told


@pytest.mark.parametrize("kind", connections.kinds())
def test_no_kind_reaches_an_address_that_is_not_allowed(kind):
    fields = {**connections.types()[kind].example, "kind": kind}
    hidden = {"host": "127.0.0.1", "servers": ["127.0.0.1:9093"]}
    urls = dict.fromkeys(("base_url", "token_url", "endpoint_url", "webhook_url", "api_url"), "http://127.0.0.1:9/")
    known = connections.types()[kind].model_fields
    moved = {name: value for name, value in {**hidden, **urls}.items() if name in known}
    result, _ = tried({**fields, **moved}, allowed=())
    if kind == "sqlite":
        assert (result["ok"], result["logged_in"]) == (True, None)
    else:
        assert (result["ok"], result["step"]) == (False, "reach")
        assert "not a public address" in result["problem"]


def test_what_nobody_answers_on_is_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result, _ = tried(redis_fields(port=port))
    assert (result["ok"], result["step"]) == (False, "reach")


def test_a_kind_without_a_log_in_says_that_it_was_only_reached():
    with talking(greeting=b"x") as port:
        fields = {"kind": "mysql", "host": "127.0.0.1", "port": port, "database": "d", "user": "u", "password": CANARY}
        result, _ = tried(fields)
    assert (result["ok"], result["logged_in"]) == (True, None)
    assert "was not tried" in result["note"]


def test_a_server_that_speaks_no_tls_is_told():
    with talking(b"+OK\r\n", greeting=b"no TLS here\r\n") as port:
        result, _ = tried(redis_fields(port=port, tls="verify"))
    assert (result["ok"], result["step"]) == (False, "tls")


def test_smtp_is_logged_in_to_and_a_password_that_is_repeated_is_not_told():
    mail = {"kind": "smtp", "host": "127.0.0.1", "security": "off", "user": "u", "password": CANARY, "sender": "a@b.c"}
    hello = b"250-mail\r\n250 AUTH LOGIN\r\n"
    with talking(hello, b"334 UGFzc3dvcmQ6\r\n", b"235 in\r\n", b"221 bye\r\n", greeting=b"220 mail\r\n") as port:
        result, _ = tried({**mail, "port": port})
    assert result["logged_in"] is True
    refusal = f"535 {CANARY} is wrong\r\n".encode()
    with talking(hello, b"334 UGFzc3dvcmQ6\r\n", refusal, refusal, b"221 bye\r\n", greeting=b"220 mail\r\n") as port:
        result, _ = tried({**mail, "port": port})
    assert (result["ok"], result["step"]) == (False, "log_in")
    assert "•••" in result["problem"]


def test_smtp_without_a_log_in_is_greeted():
    mail = {"kind": "smtp", "host": "127.0.0.1", "security": "off", "sender": "a@b.c"}
    with talking(b"250 fine\r\n", b"221 bye\r\n", greeting=b"220 mail\r\n") as port:
        result, _ = tried({**mail, "port": port})
    assert (result["ok"], result["logged_in"]) == (True, None)


def test_starttls_that_is_not_there_is_not_done_without():
    mail = {"kind": "smtp", "host": "127.0.0.1", "user": "u", "password": CANARY, "sender": "a@b.c"}
    with talking(b"250 plain\r\n", b"221 bye\r\n", greeting=b"220 mail\r\n") as port:
        result, _ = tried({**mail, "port": port})
    assert (result["ok"], result["step"]) == (False, "log_in")
    assert "STARTTLS" in result["problem"]


@pytest.mark.parametrize(
    ("status", "ok", "logged_in"),
    [(204, True, True), (302, True, None), (404, True, None), (401, False, None), (503, False, None)],
)
def test_http_is_judged_by_the_status(status, ok, logged_in):
    with http_server.serving() as server:
        server.answer("/v1", status=status)
        result, _ = tried({"kind": "http_bearer", "base_url": server.url("/v1"), "token": CANARY})
        assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"
    assert (result["ok"], result.get("logged_in")) == (ok, logged_in)


def test_a_redirect_gets_no_log_in():
    with http_server.serving() as other, http_server.serving() as server:
        server.answer("/", status=302, headers={"Location": other.url("/")})
        result, _ = tried({"kind": "http_basic", "base_url": server.url("/"), "user": "u", "password": CANARY})
        assert (result["ok"], result["status"], other.requests) == (True, 302, [])


@pytest.mark.parametrize("send_in", ["header", "body"])
def test_oauth2_asks_for_a_token(send_in):
    fields = {"kind": "oauth2_client", "client_id": "shop", "client_secret": CANARY, "send_in": send_in}
    with http_server.serving() as server:
        server.answer("/token", body=b'{"access_token": "x"}')
        assert tried({**fields, "token_url": server.url("/token")})[0]["ok"]
        asked = server.requests[0]
        server.answer("/no", status=400)
        assert not tried({**fields, "token_url": server.url("/no")})[0]["ok"]
    assert b"grant_type=client_credentials" in asked.body
    assert (CANARY.encode() in asked.body) == (send_in == "body")
    assert ("authorization" in asked.headers) == (send_in == "header")


def test_a_test_that_must_pass_fails_its_execution_with_what_was_found():
    with pytest.raises(HandlerError) as failed:
        tried(redis_fields(password=CANARY), must_pass=True)
    assert failed.value.tags == {"connection:log_in"}
    assert failed.value.result["ok"] is False


def test_a_name_that_is_not_there_fails_for_good():
    handler = handlers.get("connection_test")
    with contexts.recording() as context, pytest.raises(PermanentFailure, match="no secret named gone"):
        handler.run(handler.params.model_validate({"connection": "gone"}), context)


def test_certificates_are_verified_unless_it_says_otherwise():
    from tasks import sockets

    assert sockets.tls("verify").verify_mode == ssl.CERT_REQUIRED
    assert sockets.tls("verify").check_hostname is True
    assert sockets.tls("insecure").verify_mode == ssl.CERT_NONE
    assert psycopg.pq.version() >= 160000, "older ones know no sslrootcert=system and no sslcertmode"
