"""Keys of requests that may be repeated, and the answers that were given to them first.

    first ──► reserve ──► what it asks for ──► keep         one transaction: all of it, or nothing
    again ──► reserve: waits for the first one's end ──► its answer

The unique key makes the second wait. What is refused rolls its transaction back, reservation included, so that a
repetition is judged anew.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction

from tenants import actors, context, errors
from tenants.fields import new_id
from tenants.models import Reservation
from tenants.requests import Actor

SCOPE = "request"
#: How long an answer is kept.
KEPT_FOR = timedelta(hours=24)
#: How long a repetition waits for the first.
WAIT = timedelta(seconds=5)
_LONGER = timedelta(seconds=1)
_ANYBODYS_JOBS = "jobs of anybody"

# One round trip. The waits of the log-in are shorter than ours, and are in force again at its end; what an error
# leaves behind ends with the transaction.
_RESERVE = """
SET LOCAL lock_timeout = %(wait)s;
SET LOCAL statement_timeout = %(longer)s;
DELETE FROM reservation WHERE {mine} AND expires_at <= clock_timestamp();
INSERT INTO reservation (id, tenant_id, scope, actor, key, fingerprint, granted, expires_at)
VALUES (%(id)s, %(tenant_id)s, %(scope)s, %(actor)s, %(key)s, %(fingerprint)s, %(granted)s, clock_timestamp() + %(kept_for)s)
ON CONFLICT DO NOTHING;
SELECT id, fingerprint, granted, status, headers, body FROM reservation WHERE {mine};
SET LOCAL lock_timeout TO DEFAULT;
SET LOCAL statement_timeout TO DEFAULT
"""
_MINE = "{tenant} AND scope = %(scope)s AND actor = %(actor)s AND key = %(key)s"
_OF_TENANT = _RESERVE.format(mine=_MINE.format(tenant="tenant_id = %(tenant_id)s"))
_OF_PLATFORM = _RESERVE.format(mine=_MINE.format(tenant="tenant_id IS NULL"))


class InProgress(errors.ServiceError):
    """The first request with this Idempotency-Key is still under way: try again shortly, with the same key."""

    code = "IDEMPOTENCY_IN_PROGRESS"
    retry_after = 2


class KeyReused(errors.ServiceError):
    """This Idempotency-Key was used for another request, in its method, path, query or body: take a new key for a new request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to the first request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reserved:
    """The first request of its key; its answer is to be kept with :func:`keep`."""

    id: UUID
    actor: Actor


def reserve(*, actor: Actor, key: str, request: bytes) -> Reserved | Answer:
    """Take a key for a request, or hear what was answered to it before; ``request`` is all that it asks.

    Raises:
        InProgress: the first one has not ended within :data:`WAIT`.
        KeyReused: the first one was another.
        MissingPermission: its author may less than then, so the answer may hold what is no longer theirs to see.
    """
    identifier, mark = new_id(), fingerprint(_whose(actor) + request)
    with _behind_the_wall(actor):
        found = _ask(
            _OF_PLATFORM if actor.of_platform else _OF_TENANT,
            id=identifier,
            tenant_id=_tenant_id(actor),
            actor=actor.name,
            key=key,
            fingerprint=mark,
            granted=_rights(actor),
        )
    if found is None:
        raise InProgress  # it has just expired, or been pruned
    stored_id, stored_mark, granted, status, headers, body = found
    if stored_id == identifier:
        return Reserved(identifier, actor)
    if not hmac.compare_digest(stored_mark, mark):
        raise KeyReused
    if lost := sorted(right for right in granted if right not in _rights(actor) and not actor.may(right)):
        raise actors.MissingPermission(
            "you may do less than when this request was first made, so its answer is not repeated: look at what it made",
            details={"lost": lost},
        )
    return Answer(status, json.loads(headers), bytes(body))


def keep(reserved: Reserved, answer: Answer) -> None:
    """Store the answer, to be committed with what it tells of."""
    told = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
    with _behind_the_wall(reserved.actor):
        if not Reservation.objects.filter(pk=reserved.id).update(**told):
            raise RuntimeError("a reservation is gone before its request has ended")


def fingerprint(request: bytes) -> str:
    """Equal for equal requests. Keyed: a body may hold a password, and a plain hash could be guessed at."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"request\0" + request, "sha256").hex()


def _ask(statements: str, **given: Any) -> tuple[Any, ...] | None:
    waits: dict[str, Any] = {"wait": _milliseconds(WAIT), "longer": _milliseconds(WAIT + _LONGER)}
    waits |= {"scope": SCOPE, "kept_for": KEPT_FOR}
    try:
        with connection.cursor() as cursor:
            cursor.execute(statements, {**given, **waits})
            while cursor.description is None:
                cursor.nextset()
            found: tuple[Any, ...] | None = cursor.fetchone()
            return found
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise InProgress from None
        raise


@contextmanager
def _behind_the_wall(actor: Actor) -> Iterator[None]:
    """Where the actor's rows show: those of the platform's to the platform alone."""
    if not actor.of_platform:
        yield
        return
    with context.within(context.PLATFORM), transaction.atomic():
        yield


def _tenant_id(actor: Actor) -> UUID | None:
    return None if actor.of_platform or actor.tenant is None else actor.tenant.pk


def _whose(actor: Actor) -> bytes:
    """In which tenant it is asked: of whom is of the platform one log-in may lead to one, another to another."""
    return f"{actor.tenant.pk if actor.tenant else ''}\0".encode()


def _rights(actor: Actor) -> list[str]:
    return [*actor.listed(), *([] if actor.own_jobs_of else [_ANYBODYS_JOBS])]


def _milliseconds(length: timedelta) -> str:
    return f"{length / timedelta(milliseconds=1):.0f}ms"
