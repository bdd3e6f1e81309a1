"""From a plan to the executions that stand for its slots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jobs.engine.records import NewExecution
from jobs.rules import background, concurrency_keys, identity, retry_fields
from jobs.rules.codes import Absence
from jobs.rules.planning import Plan
from jobs.rules.slots import Slot
from jobs.rules.starts import Spread, Start
from jobs.rules.states import State


def of(schedule: Any, plan: Plan, oldest: datetime, spread: Spread, now: datetime) -> Iterator[NewExecution]:
    """A schedule is a statement's row; slots older than ``oldest`` are filed under that instant."""
    for slot in plan.runs:
        yield _row(schedule, slot, slot.at, start=spread.start(slot.at, slot.nominal, now=now))
    for slot, reason in plan.skipped:
        yield _row(schedule, slot, max(slot.at, oldest), reason=reason)
    for fold in plan.folded:
        filed = max(fold.last.at, oldest)
        yield _row(
            schedule,
            fold.first,
            filed,
            kind=identity.FOLDED,
            reason=fold.reason,
            folded_until=fold.last.at,
            folded_count=fold.count,
        )


def _row(
    schedule: Any,
    slot: Slot,
    filed: datetime,
    *,
    kind: str | None = None,
    reason: Absence | None = None,
    start: Start | None = None,
    **folded: Any,
) -> NewExecution:
    """``filed`` gives the id its milliseconds, and so the row its partition."""
    start = start or Start(slot.at)
    return NewExecution(
        id=identity.slot_id(schedule.id, kind or slot.kind, slot.nominal, filed),
        tenant_id=schedule.tenant_id,
        job_id=schedule.job_id,
        schedule_id=schedule.id,
        revision=schedule.revision,
        trigger="schedule",
        state=State.SKIPPED if reason else State.SCHEDULED,
        reason=reason or "",
        scheduled_for=slot.at,
        not_before=start.at,
        start_before=start.before,
        queue_id=schedule.queue_id,
        priority=_priority(schedule, start),
        timeout_seconds=schedule.timeout_seconds,
        max_attempts=retry_fields.parse(schedule.retry).max_attempts,
        payload=schedule.payload,
        concurrency_key=concurrency_keys.render(
            schedule.concurrency_key, {**(schedule.job_payload or {}), **(schedule.payload or {})}
        ),
        **folded,
    )


def _priority(schedule: Any, start: Start) -> int:
    """Where overlaps are no limit, whatever has gathered before an opening goes behind what is live."""
    gathers = start.waits and schedule.overlap in ("allow", "queue_all")
    return background.behind(schedule.priority) if gathers else int(schedule.priority)
