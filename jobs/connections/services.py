"""Connections to mail servers and to whatever speaks HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from jobs.connections.contract import Connection, Host, Password, Port, Target, Url, User
from jobs.connections.stores import of_url

#: Of mail, without a name around it: nothing that could begin another header or another recipient.
Address = Annotated[str, Field(max_length=254, pattern=r"^[^@\s,;:<>()\[\]\\\"\x00-\x1f\x7f]+@[A-Za-z0-9.\[\]:_-]+$")]
_BASE = Field(description="What the log-in is for: it is sent to this scheme, host and port, and nowhere else.")


class Smtp(Connection):
    """A mail server to send through."""

    kind = "smtp"
    title = "SMTP"
    example: ClassVar[Mapping[str, Any]] = {
        "host": "smtp.example.com",
        "user": "reports@example.com",
        "password": "made-up-secret",
        "sender": "reports@example.com",
    }

    host: Host
    port: Port | None = Field(default=None, description="587, 465 with tls or 25 without any, if it is left out.")
    security: Literal["starttls", "tls", "off"] = "starttls"
    user: User | None = None
    password: Password | None = None
    sender: Address = Field(description="Who mail comes from.")

    recipients: Annotated[list[Address], Field(max_length=20)] = Field(
        default=[], description="Who gets what is sent to this connection as a channel, and names nobody."
    )

    def targets(self) -> list[Target]:
        usual = {"starttls": 587, "tls": 465, "off": 25}[self.security]
        return [Target(self.host, self.port or usual, tls=self.security == "tls")]


class _OverHttp(Connection):
    base_url: Url = _BASE

    def targets(self) -> list[Target]:
        return [of_url(self.base_url)]


class HttpBasic(_OverHttp):
    """A user and a password in the header Authorization."""

    kind = "http_basic"
    title = "HTTP, user and password"
    example: ClassVar[Mapping[str, Any]] = {
        "base_url": "https://api.example.com/v1",
        "user": "shop",
        "password": "made-up-secret",
    }

    user: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f:]+$")]
    password: Password


class HttpBearer(_OverHttp):
    """A token in the header Authorization."""

    kind = "http_bearer"
    title = "HTTP, bearer token"
    example: ClassVar[Mapping[str, Any]] = {"base_url": "https://api.example.com/v1", "token": "made-up-secret"}

    token: Password


class OAuth2Client(Connection):
    """Client credentials of OAuth 2."""

    kind = "oauth2_client"
    title = "OAuth 2 client"
    example: ClassVar[Mapping[str, Any]] = {
        "token_url": "https://login.example.com/oauth2/token",
        "client_id": "shop",
        "client_secret": "made-up-secret",
        "scope": "reports.read",
    }

    token_url: Url
    client_id: User
    client_secret: Password
    scope: Annotated[str, Field(max_length=1000)] = ""
    send_in: Literal["header", "body"] = Field(
        default="header", description="Where the client's id and secret are sent."
    )
    base_url: Url | None = Field(
        default=None,
        title="Base URL",
        description="What the token is for: it is sent to this scheme, host and port only. Left out: wherever a job calls.",
    )

    def targets(self) -> list[Target]:
        return [of_url(self.token_url)]


TYPES: tuple[type[Connection], ...] = (Smtp, HttpBasic, HttpBearer, OAuth2Client)
