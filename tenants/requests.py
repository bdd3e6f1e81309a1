"""What the current request is and who its author, for permissions, audit rows, errors and logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest

from tenants.rules import addresses, permissions, traces

if TYPE_CHECKING:  # errors need this module, and models need errors
    from tenants.models import Tenant

#: As long as the column.
LONGEST_REASON = 500
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and what they may do; see :mod:`tenants.actors`."""

    #: "key:<id>", "user:<e-mail>", "system", or what a command calls itself.
    name: str
    granted: frozenset[str]
    #: Whose rows they work with; None where none is named yet, which only who is of the platform may leave open.
    tenant: Tenant | None = None
    #: Whether they may name any tenant.
    of_platform: bool = False
    #: The e-mail address of an editor of own jobs alone.
    own_jobs_of: str = ""
    #: The log-in a person acts by over the API.
    session: UUID | None = None

    def may(self, needed: str) -> bool:
        """Whether they may do what asks for ``needed``."""
        return permissions.allows(self.granted, needed)

    def listed(self) -> list[str]:
        """What they were granted, in the vocabulary's order."""
        return [word for word in (*permissions.OF_TENANTS, permissions.PLATFORM) if word in self.granted]


#: Whoever has not said who they are.
ANONYMOUS = Actor("anonymous", frozenset())
#: The installation itself, outside of any request.
SYSTEM = Actor("system", permissions.SUPERADMIN, of_platform=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; empty outside of any."""

    request_id: str = ""
    #: The client's, whatever proxies are in between.
    address: str | None = None
    actor: Actor = SYSTEM
    #: Why, in the caller's words: X-Audit-Reason, or what the console's dialog asked.
    reason: str = ""


_current: ContextVar[Request] = ContextVar("carillon_request", default=Request())  # noqa: B039 - frozen


def current() -> Request:
    """The request being served."""
    return _current.get()


@contextmanager
def serving(request: HttpRequest) -> Iterator[str]:
    """For the length of a request, this is the one; yields its id: the caller's X-Request-Id if it is sane, else a new one.

    Every line that is logged meanwhile names it, and the caller's trace if a ``traceparent`` says so.
    """
    sent = request.headers.get("X-Request-Id", "")
    request_id = sent if _SANE.fullmatch(sent) else uuid4().hex
    token = _current.set(Request(request_id=request_id, address=_address(request), actor=ANONYMOUS))
    try:
        with structlog.contextvars.bound_contextvars(request_id=request_id, **_trace(request)):
            yield request_id
    finally:
        _current.reset(token)


def _trace(request: HttpRequest) -> dict[str, str]:
    trace = traces.parse(request.headers.get("traceparent", ""))
    return {"trace_id": trace.trace_id, "parent_id": trace.parent_id} if trace else {}


def _address(request: HttpRequest) -> str | None:
    peer = request.META.get("REMOTE_ADDR") or ""
    if not addresses.is_proxy(peer, settings.TRUSTED_PROXIES):
        # Only a proxy of ours may say that it was called by https, see SECURE_PROXY_SSL_HEADER.
        request.META.pop("HTTP_X_FORWARDED_PROTO", None)
    return addresses.client(peer, request.headers.get("X-Forwarded-For", ""), settings.TRUSTED_PROXIES)


def known_as(actor: Actor) -> None:
    """Note who the request's author is."""
    _current.set(replace(_current.get(), actor=actor))


@contextmanager
def continued(actor: Actor, *, request_id: str, reason: str) -> Iterator[None]:
    """For the length of a block, what a request asked for that was answered long ago goes on."""
    token = _current.set(Request(request_id=request_id, actor=actor, reason=reason))
    try:
        yield
    finally:
        _current.reset(token)


def reason_of(request: HttpRequest) -> str:
    """What X-Audit-Reason says; raises ValueError with what is wrong with it."""
    try:
        # Servers hand headers over as Latin-1, whatever they are.
        reason = request.headers.get("X-Audit-Reason", "").encode("latin-1").decode().strip()
    except UnicodeError:
        raise ValueError("X-Audit-Reason must be text in UTF-8") from None
    if len(reason) > LONGEST_REASON:
        raise ValueError(f"X-Audit-Reason must have at most {LONGEST_REASON} characters")
    if not reason.isprintable():
        raise ValueError("X-Audit-Reason must not hold control characters")
    return reason


def because(reason: str) -> None:
    """Note why the request is made, for the audit rows of what it changes."""
    _current.set(replace(_current.get(), reason=reason))
