"""What reason and waiting codes mean to an operator, and how executions and schedules are called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.models import Execution, Schedule
from jobs.rules.codes import Absence
from jobs.rules.states import State
from tenants import marks

#: Why a slot has not run, and what to do about it.
ABSENCES: Mapping[str, str] = {
    Absence.PAUSED_SCHEDULE: "Its schedule was paused. Resume the schedule, or run this again by hand.",
    Absence.PAUSED_JOB: "Its job was paused. Resume the job, or run this again by hand.",
    Absence.PAUSED_TENANT: "Its tenant was suspended. Activate the tenant, then run this again by hand.",
    Absence.DISABLED: "Its job was disabled, and what was due meanwhile is forgotten. Run it by hand if it is needed.",
    Absence.OVERLAP: "The run before it was still under way. Allow overlaps, make the job shorter, or let it run less often.",
    Absence.MISFIRE: "It was seen too late, and the schedule's misfire policy leaves late slots out.",
    Absence.CATCHUP_EXPIRED: "It was seen later than the schedule's catch-up window.",
    Absence.DST_GAP: "Clocks were put forward: this local time did not exist, and the schedule leaves such slots out.",
    Absence.DST_FOLD: "Clocks were put back: this local time came twice, and the schedule runs only once.",
}

#: What a parked execution waits for, by the kind of its cap key.
_CAPS = {"job": "the job's cap", "slot": "the run before it"}


def explanation(execution: Execution) -> str:
    """Why an execution stands where it stands; empty when its state says it all."""
    if execution.state == State.SKIPPED:
        return ABSENCES.get(execution.reason, "")
    if execution.state == State.PENDING and execution.waiting_on:
        return f"Due, and waiting for room: {_cap(execution)}."
    if execution.cancel_requested_at and execution.state == State.RUNNING:
        return "Somebody asked for it to be cancelled; its worker has not acknowledged yet."
    return {
        State.PENDING: "Due, and waiting for a free worker of its queue.",
        State.QUEUED: "Published; the next free worker takes it.",
        State.FAILED: "Every attempt is used up, so it is a dead letter until somebody decides.",
    }.get(State(execution.state), "")


def why(execution: Execution) -> Any:
    """The one word to show beside a state: a reason, an error's code, what it waits for."""
    return marks.shortened(execution.reason or execution.error_code or _cap(execution), 30)


def _cap(execution: Execution) -> str:
    kind = execution.waiting_on.partition(":")[0]
    return _CAPS.get(kind, kind)


def instant_of(execution: Execution) -> datetime:
    """An execution is known by the instant it is for: its slot's, or when it was asked for."""
    return execution.scheduled_for or execution.created_at


def took(execution: Execution) -> str:
    """How long its last attempt ran."""
    if execution.started_at is None or execution.finished_at is None:
        return marks.NOTHING
    return marks.length(execution.finished_at - execution.started_at)


def rule(schedule: Schedule) -> str:
    """A schedule's rule in a few characters."""
    if schedule.kind == "interval":
        return f"every {marks.length(schedule.interval_seconds)}"
    if schedule.kind == "once":
        return "once"
    return schedule.expression
