"""Who held a job, a schedule or a tenant, and from when to when: read from the audit trail, a few rows of one object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jobs.models import Job, Schedule
from jobs.rules.explaining import Hold
from tenants.models import AuditEvent
from tenants.rules import ids

#: Rows of one object that are looked through for the one that tells.
LOOKED_THROUGH = 200
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Kind:
    what: str
    begins: frozenset[str]
    ends: frozenset[str]
    #: The platform's operators are not named to a tenant.
    named: bool = True


_KINDS = {
    "job": _Kind("its job was held", frozenset({"job.paused", "job.disabled"}), frozenset({"job.resumed", "job.activated"})),
    "schedule": _Kind("its schedule was paused", frozenset({"schedule.paused"}), frozenset({"schedule.resumed"})),
    "tenant": _Kind("its tenant was suspended", frozenset({"tenant.suspended"}), frozenset({"tenant.activated"}), named=False),
}  # fmt: skip


def around(job: Job, schedule: Schedule | None, instant: datetime) -> Hold | None:
    """What was held at an instant, if anything was: the schedule before its job, that before its tenant."""
    owners: list[tuple[str, UUID]] = [("job", job.pk), ("tenant", job.tenant_id)]
    if schedule is not None:
        owners.insert(0, ("schedule", schedule.pk))
    return next((hold for kind, identifier in owners if (hold := _of(kind, identifier, instant))), None)


def now_of(kind: str, identifier: UUID, now: datetime) -> Hold | None:
    """Since when and by whom it is held now; None if the trail does not tell."""
    found = _of(kind, identifier, now)
    return found and Hold(what="held", since=found.since, by=found.by)


def _of(kind: str, identifier: UUID, instant: datetime) -> Hold | None:
    known = _KINDS[kind]
    begun = next(_told(kind, identifier, known.begins | known.ends, id__lt=ids.floor_id(instant + _MILLISECOND)), None)
    if begun is None or begun.action not in known.begins:
        return None
    ended = next(_told(kind, identifier, known.ends, oldest_first=True, id__gt=begun.pk), None)
    by = begun.actor if known.named else ""
    return Hold(what=known.what, since=begun.at, until=ended.at if ended else None, by=by)


def _told(
    kind: str, identifier: UUID, actions: frozenset[str], *, oldest_first: bool = False, **bounds: UUID
) -> Iterator[AuditEvent]:
    rows = AuditEvent.objects.filter(object_type=kind, object_id=str(identifier), **bounds)
    ordered = rows.order_by("pk" if oldest_first else "-pk").only("action", "actor", "at", "reason")
    return (row for row in ordered[:LOOKED_THROUGH] if row.action in actions)


def cancelling(execution_id: UUID) -> AuditEvent | None:
    """Who asked for an execution to be cancelled."""
    return next(_told("execution", execution_id, frozenset({"execution.cancel_requested"})), None)


def deletion(job_id: UUID) -> AuditEvent | None:
    """Who deleted a job."""
    return next(_told("job", job_id, frozenset({"job.deleted"})), None)
