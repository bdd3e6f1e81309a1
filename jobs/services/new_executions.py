"""What an execution that somebody asks for will be, and whether its job may be run with what they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs import errors
from jobs.engine.records import NewExecution
from jobs.models import Job, JobState, TriggerKind
from jobs.rules import concurrency_keys, identity, retry_fields
from jobs.rules.states import State
from jobs.services import definitions, job_states
from tenants import actors


def prepare(
    job: Job,
    kind: TriggerKind,
    *,
    now: datetime,
    overrides: Mapping[str, Any] | None,
    run_at: datetime | None = None,
    replay_of: UUID | None = None,
    event: Mapping[str, Any] | None = None,
) -> NewExecution:
    """A row of the job's newest revision, or a refusal. ``now`` is the database's clock."""
    _refuse_held(job)
    definitions.check_grants(job)
    payload = {**job.payload, **(overrides or {})}
    definitions.check_payload(job, payload, overridden=overrides or ())
    about: dict[str, Any] = {"run_at": run_at, "replay_of": replay_of, "event": event}
    return _row(job, kind, payload, now=now, overrides=overrides, **about)


def left_out(
    job: Job,
    kind: TriggerKind,
    reason: str,
    *,
    now: datetime,
    overrides: Mapping[str, Any] | None,
    replay_of: UUID | None = None,
    event: Mapping[str, Any] | None = None,
) -> NewExecution:
    """The same of what does not run, and so is not judged."""
    payload = {**job.payload, **(overrides or {})}
    row = _row(job, kind, payload, now=now, overrides=overrides, run_at=None, replay_of=replay_of, event=event)
    return replace(row, state=State.SKIPPED, reason=reason)


def _row(
    job: Job,
    kind: TriggerKind,
    payload: Mapping[str, Any],
    *,
    now: datetime,
    overrides: Mapping[str, Any] | None,
    run_at: datetime | None,
    replay_of: UUID | None,
    event: Mapping[str, Any] | None,
) -> NewExecution:
    return NewExecution(
        id=identity.request_id(now),
        tenant_id=job.tenant_id,
        job_id=job.pk,
        revision=job.revision,
        trigger=kind,
        triggered_by=actors.current().name,
        replay_of=replay_of,
        scheduled_for=run_at,
        not_before=run_at or now,
        queue_id=str(job.queue_id),
        priority=job.priority,
        timeout_seconds=job.timeout_seconds,
        max_attempts=retry_fields.parse(job.retry).max_attempts,
        payload=overrides or None,
        concurrency_key=concurrency_keys.render(job.concurrency_key, payload),
        event=event,
    )


def _refuse_held(job: Job) -> None:
    if job.state in (JobState.DISABLED, JobState.DELETED):
        message = f"this job is {job.state}, so nothing of it starts"
        actions = job_states.allowed_actions(job.state)
        raise errors.InvalidState(message, state=job.state, allowed_actions=actions)
