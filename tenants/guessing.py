"""Guessing passwords gets nobody anywhere, and takes nobody else's log-in away.

Four things stand before a password, at the API and at the console alike:

1. buckets in Redis, of the account from here and from anywhere, and of the address (:func:`tenants.limits.take_login`);
2. a few places per process for hashing, which is costly by intent: who finds none in time is told to come again,
   and waits without a database connection, so that a flood of log-ins leaves the rest of the service alone;
3. one try per account at a time, by an advisory lock held until its failure is stored. django-axes reads its count
   before a password is judged and writes it after, so that many tries at once would all find it low;
4. django-axes' count of failures, by account and address (``settings.AXES_*``).

Nothing of it depends on whether there is such an account.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from tenants import context, errors, limits, requests
from tenants.rules import addresses

#: How long somebody waits for a place to be hashed in.
PATIENCE = 5.0
_places = threading.BoundedSemaphore(max((os.cpu_count() or 1) - 1, 1))


class LockedOut(limits.RateLimited):
    """Too many failed log-ins to this account from here: try again in 15 minutes."""

    retry_after = int(settings.AXES_COOLOFF_TIME.total_seconds())


class _AtOnce(limits.RateLimited):
    """Another log-in to this account is being looked at: try again in a second."""

    retry_after = 1


class _Crowded(errors.Unavailable):
    """Too many people are logging in at the moment: try again shortly."""


@contextmanager
def place_to_hash() -> Iterator[None]:
    """Of few; holds no database connection while it waits if the caller holds none."""
    if not _places.acquire(timeout=PATIENCE):
        raise _Crowded
    try:
        yield
    finally:
        _places.release()


@contextmanager
def one_try(account: str) -> Iterator[None]:
    """A transaction in which one password may be judged, and what becomes of it be stored.

    Raises:
        RateLimited: too many tries, or another one at this moment.
        Unavailable: Redis is away, or too many people log in.
    """
    limits.take_login(account)
    with place_to_hash(), context.within(context.NOBODY), transaction.atomic():
        if not _locked(account.strip().lower()):
            raise _AtOnce
        yield


def _locked(account: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"log-in {account}"])
        return bool(cursor.fetchone()[0])


def is_locked_out(request: HttpRequest) -> bool:
    """Whether django-axes refused to have a password judged, or refuses from now on."""
    return bool(getattr(request, "axes_locked_out", False))


def was_judged(request: HttpRequest) -> bool:
    """Whether a password was found wrong, and that counted."""
    return getattr(request, "axes_failures_since_start", None) is not None


# What django-axes calls.


def account(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:  # noqa: ARG001 - its signature
    """Under which name failures are counted."""
    return str((credentials or {}).get("username") or "").strip().lower()[:254]


def address(request: HttpRequest) -> str | None:  # noqa: ARG001
    """From where they are counted: with IPv6 its network, of which a client can use every address."""
    shared = addresses.shared(requests.current().address)
    return str(ip_network(shared).network_address) if shared else None


def uncounted(request: HttpRequest, credentials: Mapping[str, Any] | None) -> bool:  # noqa: ARG001
    """A log-in that a provider vouches for has no password to guess."""
    return not (credentials or {}).get("username")


def locked_out(request: HttpRequest, answer: HttpResponse | None, credentials: object) -> HttpResponse:  # noqa: ARG001
    """What is answered instead: the console's own page, which says so, or the error."""
    if answer is None or answer.get("Content-Type", "").startswith("application/json"):
        return errors.answer(LockedOut())
    answer.status_code = 429
    answer["Retry-After"] = str(LockedOut.retry_after)
    return answer
