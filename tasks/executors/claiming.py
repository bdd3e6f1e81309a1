"""An executor takes what is for it, and is told all that it needs: the payload rendered, its secrets in this answer alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import Error

from jobs import sql
from jobs.engine import dispatch, transitions
from jobs.engine.records import Claim, Fence
from jobs.handlers import HandlerError, Released
from jobs.models import Executor
from jobs.services.executors import SERVE, LeaseTaken
from tasks import failures, payloads, revealing
from tasks.executors import tokens
from tasks.handlers.external import ExternalParams
from tasks.journal import Journal
from tasks.settling import Settling, longest
from tenants import actors
from tenants.errors import NotFound
from tenants.services import secrets

#: Of one request.
MOST = 50

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An execution that an executor holds from now on."""

    claim: Claim
    params: ExternalParams
    token: str
    deadline: datetime


def fence(claim: Claim) -> Fence:
    """Whose claim a write belongs to."""
    return Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)


def take(executor: Executor, lease: UUID, most: int) -> list[Claimed]:
    """The next ``most`` at most that fit it and that it has room for, in its tenant's order. None is not an error."""
    actors.require(SERVE, tenant=executor.tenant_id)
    row = _held(executor, lease)
    wanted = min(most, MOST, row.free)
    if not row.takes_work or wanted <= 0:
        return []
    parameters = {"tenant_id": row.tenant_id, "queues": row.queues, "name": row.name, "capabilities": row.capabilities}
    members = sql.run("claimable", limit=wanted, **parameters)
    found = [claimed for each in members for claimed in _claimed(each, row)]
    if members:
        dispatch.ring_after_commit()  # its place in line is free
    return found


def give_back(found: list[Claimed]) -> None:
    """The answer did not reach whoever asked: the same attempts are claimed again, by them or by others."""
    for each in found:
        transitions.release(fence(each.claim))
    dispatch.ring_after_commit()


def _held(executor: Executor, lease: UUID) -> Any:
    row = next(iter(sql.run("hold_executor", id=executor.pk, tenant_id=executor.tenant_id)), None)
    if row is None:
        raise NotFound("this executor was deleted meanwhile")
    if row.lease_id != lease:
        raise LeaseTaken
    return row


def _claimed(member: Any, row: Any) -> Iterator[Claimed]:
    """One at a time, so that a claim that is lost is nobody else's."""
    for claim in transitions.claim_all([(member.id, member.attempt)], worker_id=row.lease_id, worker=row.name, pid=0):
        with _settled(claim) as journal:
            _, params = payloads.resolve(claim, journal.hide, partial(_secrets, claim))
            if isinstance(params, ExternalParams):
                until = datetime.now(UTC) + timedelta(seconds=longest(claim))
                yield Claimed(claim, params, tokens.of(claim.id, claim.epoch), until)


def _secrets(claim: Claim, tenant_id: UUID, names: Sequence[str]) -> Mapping[str, Any]:
    secrets.note_use(tenant_id, names)
    return revealing.named(revealing.claimed(claim.id, claim.epoch).values, names)


@contextmanager
def _settled(claim: Claim) -> Iterator[Journal]:
    """What cannot be made ready fails, or goes back, as it would in a worker."""
    journal = Journal(claim.last_seq)
    settling = Settling(claim, fence(claim), journal)
    try:
        yield journal
    except HandlerError as error:
        journal.write(str(error), level="error", stream="carillon")
        settling.failed(error)
    except Released as interruption:
        settling.interrupted(interruption)
    except Error:
        raise
    except Exception as error:
        # Left as it is it would come first in every claim of its tenant.
        log.exception("claims.not_made_ready", execution=str(claim.id))
        journal.write(failures.trimmed(error), level="error", stream="carillon")
        settling.failed(failures.of(error))
