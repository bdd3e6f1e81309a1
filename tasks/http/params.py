"""The payload of an HTTP call."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal, Self

import httpx2
from pydantic import AfterValidator, Field, model_validator

from jobs import connections
from jobs.connections.contract import Certificate
from jobs.handlers import Json, Params
from jobs.rules import json_pointers, result_conditions
from tasks import http_answer

MAX_HOPS = 5
MAX_URL = 8192
#: What may be read of one answer: a day of a fast line would be more than any disk here.
MOST_ANSWER_BYTES = 64 * 1024 * 1024 * 1024
#: Set by the client from the body and the connection; a second opinion would desynchronise the two sides.
FRAMING_HEADERS = {"connection", "content-length", "transfer-encoding", "upgrade"}
#: What conditions on an answer may read.
ANSWER_NAMES = frozenset({"status", "headers", "body", "json"})


def known_url(text: str) -> str:
    """The text, if a call may go there as far as spelling says; ValueError."""
    if len(text) > MAX_URL:
        raise ValueError(f"has more than {MAX_URL} characters")
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ValueError(f"not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("must begin with http:// or https:// and name a host")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("has no valid port after its colon")
    return text


def _not_framing(name: str) -> str:
    if name.lower() in FRAMING_HEADERS:
        raise ValueError(f"{name} is set by the client itself: leave it out")
    return name


def _condition(source: str) -> str:
    result_conditions.check(source, ANSWER_NAMES, "json.state == 'done'")
    return source


def _bytes(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("is not base64") from None
    return text


Url = Annotated[str, Field(max_length=MAX_URL), AfterValidator(known_url)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), AfterValidator(_not_framing)]
HeaderValue = Annotated[str, Field(pattern=r"^([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?$", max_length=8192)]
Scalar = str | int | float | bool
Status = Annotated[int, Field(ge=100, le=599)]
StatusRange = Annotated[str, Field(pattern=r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$")]
Condition = Annotated[str, Field(max_length=result_conditions.LONGEST), AfterValidator(_condition)]
Pointer = Annotated[str, Field(max_length=json_pointers.LONGEST, pattern=json_pointers.SHAPE)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]


class Basic(Params):
    """A user and a password."""

    user: Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f:]+$")]
    password: Annotated[str, Field(max_length=8192, description="By an expression: {{ secrets.name }}.")]


class Auth(Params):
    """Who the call says it is. A redirect to another origin takes nothing of it along."""

    connection: connections.named("http_basic", "http_bearer", "oauth2_client") | None = Field(  # type: ignore[valid-type]
        default=None, description="Name of a secret of kind http_basic, http_bearer or oauth2_client."
    )
    basic: Basic | None = None
    bearer: HeaderValue | None = Field(default=None, description="A token, by an expression: {{ secrets.name }}.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.connection, self.basic, self.bearer)) != 1:
            raise ValueError("give one of connection, basic and bearer")
        return self


class Tls(Params):
    """How the server is trusted, and how it is told who calls."""

    ca: Certificate | None = Field(default=None, description="PEM of the authority to verify with, and no other.")
    client_certificate: Annotated[str, Field(max_length=65_536)] | None = Field(
        default=None,
        description="PEM of a certificate and its key, by an expression: {{ secrets.name }}. Shown to the URL's own host only.",
    )
    minimum_version: Literal["1.2", "1.3"] = "1.2"


class Extracted(Params):
    """A place in the answer's JSON."""

    pointer: Pointer
    optional: bool = Field(default=False, description="True: null if the answer has no such place, instead of failing.")


class Poll(Params):
    """After the answer: look at a status URL until it is done. Between looks no worker is held."""

    url: Pointer | None = Field(
        default=None,
        description="Where in the first answer's JSON the status URL stands; left out: its header Location, after a 202.",
    )
    until: Condition = Field(
        default="status == 200",
        description="Over status, headers, body and json. An answer that is no 202, where url is left out, must fulfil it at once, if it is said.",
    )
    fail_if: Condition = Field(default="", description="Asked before until.")
    interval_seconds: float = Field(default=10, ge=1, le=86_400, description="Retry-After goes before it.")
    backoff: float = Field(default=1, ge=1, le=10, description="Each interval is so many times the one before.")
    max_interval_seconds: float = Field(default=300, ge=1, le=86_400)
    max_seconds: float = Field(default=3600, ge=1, le=30 * 86_400, description="From the first answer on.")


class HttpParams(Params):
    """One call, and what is made of its answer."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    url: Url
    headers: dict[HeaderName, HeaderValue] = Field(default={}, description="Sent as they are, before our own.")
    query: dict[str, Scalar | list[Scalar]] = Field(default={}, description="Added to the URL's own query.")
    body: Json = Field(default=None, description="A string is sent as text, anything else as JSON.")
    form: dict[str, Scalar | list[Scalar]] | None = Field(
        default=None, description="Sent URL-encoded, instead of a body."
    )
    base64: Annotated[str, AfterValidator(_bytes)] | None = Field(
        default=None, description="Bytes to send instead of a body."
    )
    content_type: HeaderValue | None = Field(default=None, description="Of what is sent, instead of the usual one.")
    auth: Auth | None = None
    expected_status: Status | StatusRange | list[Status | StatusRange] = Field(
        default="200-299",
        description="A status, a range such as 200-299, or a list of both. Any other fails the attempt.",
    )
    success_if: Condition = Field(
        default="", description="An expression over status, headers, body and json that must be true of the answer."
    )
    extract: dict[Name, Pointer | Extracted] = Field(
        default={}, max_length=50, description="Name to JSON pointer: what of the answer the result holds by itself."
    )
    follow_redirects: bool = Field(default=False, description=f"At most {MAX_HOPS} hops, each checked like the first.")
    verify_tls: bool = Field(default=True, description="False accepts any certificate.")
    tls: Tls = Field(default=Tls())
    max_answer_bytes: Annotated[int, Field(ge=1, le=MOST_ANSWER_BYTES)] | None = Field(
        default=None, description="Reading stops there. Left out: 1 MiB, and with save_as what an artifact may have."
    )
    too_large: Literal["truncate", "fail"] | None = Field(
        default=None, description="What a longer answer means. Left out: truncate, and fail with save_as."
    )
    save_as: FileName | None = Field(
        default=None,
        description="Name of an artifact that the body becomes, however long, instead of a part of the result.",
    )
    poll: Poll | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.form is not None and self.body is not None:
            raise ValueError("form and body exclude each other: send one of them")
        if self.base64 is not None and not (self.form is None and self.body is None):
            raise ValueError("base64 excludes form and body: send one of them")
        if self.auth and ("authorization" in map(str.lower, self.headers) or httpx2.URL(self.url).userinfo):
            raise ValueError("auth excludes the header Authorization and a log-in in the URL: say one of them")
        if self.tls.ca and not self.verify_tls:
            raise ValueError("tls.ca says whom to trust, and verify_tls is false: leave one out")
        return self

    def expects(self, status: int) -> bool:
        """Whether the status is one of those wanted."""
        wanted = self.expected_status if isinstance(self.expected_status, list) else [self.expected_status]
        for entry in wanted:
            first, _, last = str(entry).partition("-")
            if int(first) <= status <= int(last or first):
                return True
        return False

    @property
    def most_bytes(self) -> int:
        """Of an answer that are read."""
        usual = MOST_ANSWER_BYTES if self.save_as else http_answer.READ_BYTES
        return self.max_answer_bytes or usual

    @property
    def refuses_longer(self) -> bool:
        """Whether a longer answer is a failure."""
        return (self.too_large or ("fail" if self.save_as else "truncate")) == "fail"

    def content(self) -> dict[str, Any]:
        """The body in the client's terms."""
        found = self._content()
        if self.content_type is not None:
            found["headers"] = {"Content-Type": self.content_type}
        return found

    def _content(self) -> dict[str, Any]:
        if self.form is not None:
            return {"data": self.form}
        if self.base64 is not None:
            return {"content": base64.b64decode(self.base64), "headers": {"Content-Type": "application/octet-stream"}}
        if self.body is None:
            return {}
        if isinstance(self.body, str):
            return {"content": self.body.encode(), "headers": {"Content-Type": "text/plain; charset=utf-8"}}
        return {"json": self.body}
