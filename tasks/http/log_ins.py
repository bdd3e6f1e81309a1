"""Who a call says it is: the header Authorization, from a connection or from the payload.

A connection's log-in goes to the origin that its base_url names, and nowhere else. Tokens of OAuth 2 are kept in the memory
of this process until shortly before they expire, and got anew once when a server refuses one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from jobs.connections import Connection
from jobs.connections.services import HttpBasic, HttpBearer, OAuth2Client
from jobs.handlers import Context, HandlerError, PermanentFailure
from jobs.rules.codes import Failure
from tasks import egress, foreign, http_answer, http_client
from tasks.http.exchange import origin, shown
from tasks.http.params import HttpParams

MOST_TOKEN_BYTES = 64 * 1024
LONGEST_KEPT_SECONDS = 3600.0
MARGIN_SECONDS = 30.0
MOST_KEPT = 1000

#: Token and when it is no longer used, by what it was got with.
_kept: dict[str, tuple[str, float]] = {}
_lock = threading.Lock()


class LogIn:
    """Of one call."""

    def __init__(self, params: HttpParams, context: Context) -> None:
        self._context = context
        self._auth = params.auth
        self._connection: Connection | None = None
        if self._auth and self._auth.connection:
            self._connection = context.connection(self._auth.connection)
            _check_kind(self._auth.connection, self._connection)
            _check_origin(params.url, self._auth.connection, self._connection)

    def headers(self) -> dict[str, str]:
        """What is sent; nothing without a log-in."""
        value = self._value()
        if value is None:
            return {}
        self._context.hide([value.partition(" ")[2]])
        return {"Authorization": value}

    @property
    def renewable(self) -> bool:
        """Whether what is refused can be got anew."""
        return isinstance(self._connection, OAuth2Client)

    def forget(self) -> None:
        """The token was refused: the next is a new one."""
        if isinstance(self._connection, OAuth2Client):
            with _lock:
                _kept.pop(_key(self._context, self._connection), None)

    def _value(self) -> str | None:
        match self._connection:
            case HttpBasic():
                return _basic(self._connection.user, self._connection.password.get_secret_value())
            case HttpBearer():
                return f"Bearer {self._connection.token.get_secret_value()}"
            case OAuth2Client():
                return f"Bearer {_token(self._context, self._connection)}"
        if self._auth and self._auth.basic:
            return _basic(self._auth.basic.user, self._auth.basic.password)
        return f"Bearer {self._auth.bearer}" if self._auth and self._auth.bearer else None


def _check_kind(name: str, connection: Connection) -> None:
    """A call that cannot log in is not sent without a log-in."""
    if not isinstance(connection, HttpBasic | HttpBearer | OAuth2Client):
        message = (
            f"payload.auth.connection: {name} is of kind {connection.kind}, and a log-in is one of http_basic, http_bearer,"
            " oauth2_client"
        )
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID)


def _check_origin(url: str, name: str, connection: Connection) -> None:
    base = getattr(connection, "base_url", None)
    if base is None or origin(httpx2.URL(base)) == origin(httpx2.URL(url)):
        return
    message = (
        f"payload.url: the log-in of {name} is for {base} and goes nowhere else: {shown(httpx2.URL(url))} is not there"
    )
    raise PermanentFailure(message, code=Failure.CONFIG_INVALID)


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _key(context: Context, connection: OAuth2Client) -> str:
    """Changes with whatever the token depends on; nobody reads a secret out of it."""
    secret = connection.client_secret.get_secret_value()
    parts = (context.tenant, connection.token_url, connection.client_id, secret, connection.scope, connection.send_in)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _token(context: Context, connection: OAuth2Client) -> str:
    key = _key(context, connection)
    with _lock:
        token, until = _kept.get(key, ("", 0.0))
    if time.monotonic() < until:
        return token
    got = _fetched(context, connection)
    with _lock:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = got.token, time.monotonic() + got.seconds
    return got.token


@dataclass(frozen=True)
class _Got:
    token: str
    seconds: float


def _fetched(context: Context, connection: OAuth2Client) -> _Got:
    """A new token, by client credentials. No redirect is followed: it would take the client's secret along."""
    form = {"grant_type": "client_credentials", **({"scope": connection.scope} if connection.scope else {})}
    secret = connection.client_secret.get_secret_value()
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if connection.send_in == "body":
        form |= {"client_id": connection.client_id, "client_secret": secret}
    else:
        headers["Authorization"] = _basic(connection.client_id, secret)
        context.hide([headers["Authorization"].partition(" ")[2]])
    context.log(f"asking {connection.token_url} for a token")
    guard = egress.Guard(context.allowed_hosts)
    with (
        http_client.open_client(guard, http_client.Call(context)) as client,
        client.stream("POST", connection.token_url, data=form, headers=headers) as response,
    ):
        answer = http_answer.read(response, most=MOST_TOKEN_BYTES, keep=MOST_TOKEN_BYTES)
    return _read(answer, connection.token_url)


def _read(answer: http_answer.Answer, url: str) -> _Got:
    told: Mapping[str, Any] = {}
    try:
        found = answer.json()
        told = found if isinstance(found, dict) else {}
    except ValueError:
        pass
    token = told.get("access_token")
    if answer.status != 200 or not _is_token(token) or str(told.get("token_type", "bearer")).lower() != "bearer":
        because = f", {foreign.storable(str(told['error']))[:100]}" if "error" in told else ""
        raise HandlerError(f"{url} gives no token: {answer.line}{because}", tags={"oauth2", f"http:{answer.status}"})
    seconds = told.get("expires_in")
    known = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else 0.0
    return _Got(str(token), min(max(known - MARGIN_SECONDS, 0.0), LONGEST_KEPT_SECONDS))


def _is_token(token: Any) -> bool:
    """One that can stand in a header."""
    return isinstance(token, str) and 0 < len(token) <= 16_384 and token.isascii() and token.isprintable()
