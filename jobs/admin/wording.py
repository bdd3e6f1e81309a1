"""What reason and waiting codes mean to an operator, and how executions and schedules are called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs import waits
from jobs.models import Execution, Operation, Schedule
from jobs.rules import codes, operations
from jobs.rules.codes import Absence, Wait
from jobs.rules.states import State
from jobs.rules.waiting import Waiting
from tenants import marks

#: In place of a payload or a result, as the API has null there.
WITHHELD = "not shown: it takes the permission payloads:read"

#: Why a slot has not run, and what to do about it.
ABSENCES: Mapping[str, str] = {
    Absence.PAUSED_SCHEDULE: "Its schedule was paused. Resume the schedule, or run this again by hand.",
    Absence.PAUSED_JOB: "Its job was paused. Resume the job, or run this again by hand.",
    Absence.PAUSED_TENANT: "Its tenant was suspended. Activate the tenant, then run this again by hand.",
    Absence.DISABLED: "Its job was disabled, and what was due meanwhile is forgotten. Run it by hand if it is needed.",
    Absence.OVERLAP: "The run before it was still under way. Allow overlaps, make the job shorter, or let it run less often.",
    Absence.QUOTA: "Its tenant had as many unfinished executions as it may. Let some end, or raise its quota.",
    Absence.MISFIRE: "It was seen too late, and the schedule's misfire policy leaves late slots out.",
    Absence.CATCHUP_EXPIRED: "It was seen later than the schedule's catch-up window.",
    Absence.DST_GAP: "Clocks were put forward: this local time did not exist, and the schedule leaves such slots out.",
    Absence.DST_FOLD: "Clocks were put back: this local time came twice, and the schedule runs only once.",
}

#: What an execution that has not started waits for, and what to do about it.
WAITS: Mapping[Wait, str] = {
    Wait.NOT_DUE: "Not due yet.",
    Wait.BACK_OFF: "It was tried before and is tried again later.",
    Wait.TENANT_SUSPENDED: "Its tenant is suspended. Activate the tenant to let it go on.",
    Wait.QUEUE_PAUSED: "Its queue is paused. Resume the queue to let it go on.",
    Wait.NO_WORKER: "No live worker takes work of its queue. Start one.",
    Wait.TENANT_CAP: "Its tenant has as much in flight as it may.",
    Wait.QUEUE_CAP: "Its queue carries as much as it may.",
    Wait.JOB_CAP: "Its job has as much in flight as it may.",
    Wait.KEY_CAP: "As much is in flight under its concurrency key as may be.",
    Wait.RATE_LIMIT: "The rate limit allows no further start just now.",
    Wait.OVERLAP: "The run before it is still under way.",
    Wait.JOB_DISABLED: "Its job is disabled. Activate the job to let it go on.",
    Wait.BEHIND_OTHERS: "Others of its tenant go before it.",
    Wait.FREE_WORKER: "The next free worker of its queue takes it.",
}


#: What an operation that is running waits for.
OPERATION_WAITS: Mapping[str, str] = {
    "TENANT_SUSPENDED": "Its tenant is suspended. It goes on when the tenant is active again.",
    "QUOTA_EXCEEDED": "Its tenant has as many unfinished executions as it may. It goes on as they end.",
}


def ended(operation: Operation) -> str:
    """Why an operation ended before its time, where nobody cancelled it."""
    if operation.ended_because == operations.AUTHOR_LOST_RIGHTS:
        return f"{operation.created_by} may no longer run executions here, so it went no further."
    return operation.ended_because


def waiting(found: Waiting) -> Any:
    """What an execution waits for, until when, and who goes before it."""
    parts: list[Any] = [WAITS[found.code]]
    if found.ahead:
        parts.append(f"{found.ahead}{'+' if found.ahead == waits.MOST_AHEAD else ''} ahead.")
    if found.until:
        parts.append(marks.joined(("Until", marks.instant(found.until)), " "))
    return marks.joined(parts, " ")


def explanation(execution: Execution) -> str:
    """Why an execution stands where it stands, from its row alone; empty when its state says it all."""
    if execution.state == State.SKIPPED:
        return ABSENCES.get(execution.reason, "")
    if code := codes.wait_of(execution.waiting_on):
        return WAITS[code]
    if execution.cancel_requested_at and execution.state == State.RUNNING:
        return "Somebody asked for it to be cancelled; its worker has not acknowledged yet."
    return {
        State.FAILED: "Every attempt is used up, so it is a dead letter until somebody decides.",
    }.get(State(execution.state), "")


def why(execution: Execution) -> Any:
    """The one word to show beside a state: a reason, an error's code, what it waits for."""
    waits_on = codes.wait_of(execution.waiting_on) or ""
    return marks.shortened(execution.reason or execution.error_code or waits_on, 30)


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
