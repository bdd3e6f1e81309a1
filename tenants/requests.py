"""What the current request is, for audit rows, errors and logs."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4

from django.http import HttpRequest

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; empty outside of any."""

    request_id: str = ""
    address: str | None = None
    #: "key:<id>" or "user:<e-mail>" once known.
    actor: str = "system"


_current: ContextVar[Request] = ContextVar("carillon_request", default=Request())  # noqa: B039 - frozen


def current() -> Request:
    """The request being served."""
    return _current.get()


def begin(request: HttpRequest) -> str:
    """Note a new request and return its id: the caller's X-Request-Id if it is sane, else a new one."""
    sent = request.headers.get("X-Request-Id", "")
    request_id = sent if _SANE.fullmatch(sent) else uuid4().hex
    _current.set(Request(request_id=request_id, address=request.META.get("REMOTE_ADDR") or None))
    return request_id


def known_as(actor: str) -> None:
    """Note who the request's author is."""
    request = _current.get()
    _current.set(Request(request_id=request.request_id, address=request.address, actor=actor))
