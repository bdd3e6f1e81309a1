"""What the current request is, for audit rows, errors and logs."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest

from tenants.rules import addresses

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; empty outside of any."""

    request_id: str = ""
    #: The client's, whatever proxies are in between.
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
    _current.set(Request(request_id=request_id, address=_address(request)))
    return request_id


def _address(request: HttpRequest) -> str | None:
    peer = request.META.get("REMOTE_ADDR") or ""
    if not addresses.is_proxy(peer, settings.TRUSTED_PROXIES):
        # Only a proxy of ours may say that it was called by https, see SECURE_PROXY_SSL_HEADER.
        request.META.pop("HTTP_X_FORWARDED_PROTO", None)
    return addresses.client(peer, request.headers.get("X-Forwarded-For", ""), settings.TRUSTED_PROXIES)


def known_as(actor: str) -> None:
    """Note who the request's author is."""
    request = _current.get()
    _current.set(Request(request_id=request.request_id, address=request.address, actor=actor))
