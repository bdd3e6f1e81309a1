"""Holding a job, slowing it down, and letting it go.

active ──pause──► paused ──resume──► active        slots missed meanwhile follow the misfire policy
active, paused ──disable──► disabled ──activate──► active        schedules begin anew
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from jobs import errors, sql
from jobs.engine import dispatch
from jobs.models import Job, JobState
from jobs.services import jobs, schedules
from tenants.services import audit, throttles


@dataclass(frozen=True, slots=True)
class _Change:
    sources: frozenset[str]
    target: str
    event: str


def _from(*sources: str, to: str, event: str) -> _Change:
    return _Change(frozenset(sources), to, event)


_CHANGES = {
    "pause": _from(JobState.ACTIVE, to=JobState.PAUSED, event="job.paused"),
    "resume": _from(JobState.PAUSED, to=JobState.ACTIVE, event="job.resumed"),
    "disable": _from(JobState.ACTIVE, JobState.PAUSED, to=JobState.DISABLED, event="job.disabled"),
    "activate": _from(JobState.DISABLED, JobState.PAUSED, to=JobState.ACTIVE, event="job.activated"),
}


def allowed_actions(state: str) -> list[str]:
    """What a client may ask of a job in ``state``, beside changing and deleting it."""
    if state == JobState.DELETED:
        return []
    actions = ["trigger"] if state in (JobState.ACTIVE, JobState.PAUSED) else []
    actions += ["throttle", "unthrottle"]
    return actions + [name for name, change in _CHANGES.items() if state in change.sources]


def pause(*, job: Job) -> Job:
    """Hold its schedules; it can still be triggered."""
    return _apply("pause", job)


def resume(*, job: Job) -> Job:
    """Go on after a pause; the misfire policy decides about missed slots."""
    return _apply("resume", job)


def disable(*, job: Job) -> Job:
    """Nothing of it starts any more."""
    return _apply("disable", job)


def activate(*, job: Job) -> Job:
    """Go on from now; what was due while it was disabled is forgotten, and recorded as such."""
    return _apply("activate", job)


def throttle(*, job: Job, max_running: int, until: datetime) -> Job:
    """Let at most ``max_running`` of it be in flight until then."""
    with transaction.atomic():
        job = jobs.lock(job)
        throttles.throttle(job, tenant=job.tenant, max_running=max_running, until=until)
        dispatch.ring_after_commit()
    return jobs.get(tenant=job.tenant, job=job)


def unthrottle(*, job: Job) -> Job:
    """End its throttle before its time; does nothing without one."""
    with transaction.atomic():
        job = jobs.lock(job)
        throttles.lift(job, tenant=job.tenant)
        dispatch.ring_after_commit()
    return jobs.get(tenant=job.tenant, job=job)


def _apply(action: str, job: Job) -> Job:
    change = _CHANGES[action]
    with transaction.atomic():
        job = jobs.lock(job)
        before = job.state
        if before not in change.sources:
            message = f"{action} is not possible: this job is {before}"
            raise errors.InvalidState(message, state=before, allowed_actions=allowed_actions(before))
        if before == JobState.DISABLED:
            schedules.begin_anew(job=job, now=sql.run("clock")[0].now)
        job.state = change.target
        job.failed_in_a_row, job.failures_at_pause = 0, None
        job.save(update_fields=["state", "failed_in_a_row", "failures_at_pause", "updated_at"])
        changed = {"state": [before, job.state]}
        audit.record(action=change.event, object_type="job", object_id=job.pk, tenant=job.tenant, changes=changed)
        dispatch.ring_after_commit()
    return jobs.get(tenant=job.tenant, job=job)
