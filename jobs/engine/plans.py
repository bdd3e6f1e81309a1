"""What the pure rules are told of a schedule, a statement's row or one with its columns, and what they make of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from jobs.engine.maintenance import Closures
from jobs.models import JobState, Schedule, ScheduleState
from jobs.rules import misfires, planning
from jobs.rules.codes import Absence
from jobs.rules.holding import Hold
from jobs.rules.misfires import Misfire, MisfirePolicy
from jobs.rules.planning import Plan
from jobs.rules.slots import Slot, Trigger
from jobs.rules.starts import Spread
from tenants.models import TenantState

_OF_JOB = ("overlap", "revision", "priority", "timeout_seconds", "retry", "concurrency_key")


def of(
    schedule: Any,
    trigger: Trigger,
    spread: Spread,
    closures: Closures,
    policy: MisfirePolicy,
    *,
    now: datetime,
    horizon: datetime,
) -> Plan:
    """What becomes of its slots after those that are planned, up to the horizon."""
    return planning.plan(
        trigger,
        after=schedule.planned_until,
        now=now,
        horizon=horizon,
        policy=policy,
        holds=[*closures.holds(), *_holds(schedule)],
        absent=_absence(closures, spread, now),
        rest=rest_of(schedule),
    )


def row_of(schedule: Schedule) -> Any:
    """A model's row with what the planner's own statement has beside it."""
    job = schedule.job
    going = {str(ScheduleState.ACTIVE), str(JobState.ACTIVE), str(TenantState.ACTIVE)}
    held = not {str(schedule.state), str(job.state), str(job.tenant.state)} <= going
    own = {field.attname: getattr(schedule, field.attname) for field in Schedule._meta.concrete_fields}
    of_job = {name: getattr(job, name) for name in _OF_JOB}
    return SimpleNamespace(**own, **of_job, queue_id=str(job.queue_id), job_payload=job.payload, held=held)


def rest_of(schedule: Any) -> int | None:
    """How many runs it may still have; None if there is no end to them."""
    return None if schedule.max_runs is None else schedule.max_runs - schedule.runs


def policy_of(schedule: Any) -> MisfirePolicy:
    """How it wants its missed slots to be judged."""
    return MisfirePolicy(
        misfire=Misfire(schedule.misfire),
        misfire_max=schedule.misfire_max,
        misfire_grace=timedelta(seconds=schedule.misfire_grace_seconds),
        catch_up_window=timedelta(seconds=schedule.catch_up_window_seconds),
    )


def _absence(closures: Closures, spread: Spread, now: datetime) -> Callable[[Slot], Absence | None]:
    """Why a slot would not run even if it were on time."""

    def absent(slot: Slot) -> Absence | None:
        if reason := misfires.absence_of(slot):
            return reason
        if closures.leave_out(slot):
            return Absence.BLACKOUT
        return None if spread.start(slot.at, slot.nominal, now=now) else Absence.OUTSIDE_WINDOW

    return absent


def _holds(schedule: Any) -> list[Hold]:
    """When it was held since it was planned last, as the database has noted."""
    return [
        Hold(datetime.fromisoformat(since), datetime.fromisoformat(until) if until else None, Absence(why))
        for since, until, why in schedule.holds
    ]
