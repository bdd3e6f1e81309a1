"""How far a connection leads: to its server, through TLS, past the log-in. One function for each protocol we speak.

A check raises :class:`Problem`, or returns what was learned. Kinds without one are reached, and no more is claimed.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psycopg
import redis
import redis.connection

from jobs.connections import Connection, Target
from jobs.connections.brokers import Redis
from jobs.connections.contract import VERIFY
from jobs.connections.databases import PostgreSql
from jobs.connections.services import HttpBasic, HttpBearer, OAuth2Client, Smtp
from jobs.handlers import Context, HandlerError
from tasks import egress, http_client, mail, sockets
from tasks.databases import postgresql

#: Longest for one step.
STEP_SECONDS = 10.0


class Problem(Exception):
    """``step`` is reach, tls or log_in."""

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step


@dataclass
class Check:
    """One test of one connection."""

    context: Context
    guard: egress.Guard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = egress.Guard(self.context.allowed_hosts)

    def patience(self) -> float:
        """Seconds the next step may take."""
        return max(min(STEP_SECONDS, self.context.remaining()), 0.1)

    def open(self, target: Target, *, mode: str = VERIFY, ca: str | None = None) -> socket.socket:
        """Reach a server, through TLS if it speaks that from the first byte on."""
        try:
            plain = sockets.connect(self.guard, target.host, target.port, self.patience())
        except (OSError, egress.UnsafeTarget) as error:
            raise Problem("reach", f"{target.host} port {target.port} is not reached: {error}") from None
        self.context.log(f"reached {target.host} port {target.port} at {sockets.peer(plain)}")
        if not target.tls:
            return plain
        try:
            found = sockets.encrypted(plain, target.host, mode, ca)
        except OSError as error:
            raise Problem("tls", f"no TLS with {target.host}: {error}") from None
        self.context.log(f"{found.version()} with {target.host}")
        return found


def run(connection: Connection, context: Context) -> dict[str, Any]:
    """What was learned: ``logged_in`` is null where nobody tried."""
    check = Check(context)
    if log_in := _LOG_INS.get(connection.kind):
        return {"logged_in": True, **log_in(connection, check)}
    if not connection.targets():
        return {"logged_in": None, "note": "leads to no server: jobs that use it will tell"}
    for target in connection.targets():
        check.open(target, mode=getattr(connection, "tls", VERIFY), ca=getattr(connection, "ca", None)).close()
    return {"logged_in": None, "note": f"reached; whether {connection.kind} lets us in was not tried"}


def _postgresql(connection: PostgreSql, check: Check) -> dict[str, Any]:
    (target,) = connection.targets()
    with check.open(target) as probe:
        address = sockets.peer(probe)
    try:
        said = postgresql.options(connection, address=address, folder=check.context.folder(), seconds=check.patience())
        with postgresql.log_in(check.guard, {**said, "application_name": "carillon connection test"}) as session:
            row = session.execute("SELECT current_setting('server_version'), current_user").fetchone()
    except (psycopg.Error, egress.UnsafeTarget) as error:
        raise Problem("log_in", f"PostgreSQL refuses: {error}") from None
    assert row is not None
    return {"server_version": row[0], "user": row[1]}


class _Given(redis.connection.Connection):
    """Redis over a connection that is there already; it is never made again."""

    def __init__(self, given: socket.socket, **options: Any) -> None:
        self._given: socket.socket | None = given
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> socket.socket:
        given, self._given = self._given, None
        if given is None:
            raise redis.ConnectionError("the connection was closed")
        return given


def _redis(connection: Redis, check: Check) -> dict[str, Any]:
    (target,) = connection.targets()
    secret = connection.password
    with check.open(target, mode=connection.tls, ca=connection.ca) as opened:
        session = _Given(
            opened,
            host=target.host,
            port=target.port,
            db=connection.database,
            username=connection.user,
            password=secret.get_secret_value() if secret else None,
            protocol=2,
            driver_info=None,
            socket_timeout=check.patience(),
        )
        try:
            session.connect()  # type: ignore[no-untyped-call]
            session.send_command("PING")  # type: ignore[no-untyped-call]
            session.read_response()
        except (redis.RedisError, OSError) as error:
            raise Problem("log_in", f"Redis refuses: {error}") from None
        finally:
            session.disconnect()  # type: ignore[no-untyped-call]
    return {}


def _smtp(connection: Smtp, check: Check) -> dict[str, Any]:
    (target,) = connection.targets()
    opened = check.open(target)
    opened.settimeout(check.patience())
    try:
        with opened, mail.Session(opened, target, check.patience()) as session:
            if connection.security == "starttls":
                session.starttls(context=sockets.tls(VERIFY))
                check.context.log("STARTTLS done")
            if not (connection.user and connection.password):
                session.noop()
                return {"logged_in": None, "note": "greeted; there is no log-in to try"}
            session.login(connection.user, connection.password.get_secret_value())
    except ssl.SSLError as error:
        raise Problem("tls", f"no TLS with {target.host}: {error}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Problem("log_in", f"SMTP refuses: {error}") from None
    return {}


def _http(connection: HttpBasic | HttpBearer, check: Check) -> dict[str, Any]:
    if isinstance(connection, HttpBearer):
        headers = {"Authorization": f"Bearer {connection.token.get_secret_value()}"}
        status = _answered(check, "GET", connection.base_url, headers=headers).status_code
    else:
        log_in = httpx2.BasicAuth(connection.user, connection.password.get_secret_value())
        status = _answered(check, "GET", connection.base_url, auth=log_in).status_code
    if status in (401, 403, 407) or status >= 500:
        raise Problem("log_in", f"{connection.base_url} answers with the status {status}")
    if status >= 300:
        note = "neither refused nor let in: name a base_url that answers 200 to who is logged in"
        return {"logged_in": None, "status": status, "note": note}
    return {"status": status}


def _oauth2(connection: OAuth2Client, check: Check) -> dict[str, Any]:
    form = {"grant_type": "client_credentials", **({"scope": connection.scope} if connection.scope else {})}
    secret = connection.client_secret.get_secret_value()
    if connection.send_in == "body":
        answer = _answered(
            check,
            "POST",
            connection.token_url,
            data={**form, "client_id": connection.client_id, "client_secret": secret},
        )
    else:
        answer = _answered(
            check, "POST", connection.token_url, data=form, auth=httpx2.BasicAuth(connection.client_id, secret)
        )
    if answer.status_code != 200:
        raise Problem(
            "log_in", f"{connection.token_url} gives no token: it answers with the status {answer.status_code}"
        )
    return {"status": 200}


def _answered(check: Check, method: str, url: str, **options: Any) -> httpx2.Response:
    """The head of an answer; nothing of its body is read, and no redirect followed, which would take the log-in along."""
    check.context.log(f"asking {url}")
    try:
        with (
            http_client.open_client(check.guard, http_client.Call(check.context)) as client,
            client.stream(method, url, **options) as answer,
        ):
            return answer
    except egress.UnsafeTarget as error:
        raise Problem("reach", str(error)) from None
    except (httpx2.TransportError, HandlerError) as error:
        raise Problem("reach", f"{url} is not reached: {error or type(error).__name__}") from None


_LOG_INS: Mapping[str, Callable[[Any, Check], dict[str, Any]]] = {
    "postgresql": _postgresql,
    "redis": _redis,
    "smtp": _smtp,
    "http_basic": _http,
    "http_bearer": _http,
    "oauth2_client": _oauth2,
}
