"""How executions and schedules are called; what their codes mean is in :mod:`jobs.rules.words`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.models import Execution, Operation, Schedule
from jobs.rules import canaries, codes, operations
from jobs.run_graphs import Member
from jobs.sentences import calendar_rules
from tenants import marks, names

#: In place of a payload or a result, as the API has null there.
WITHHELD = "not shown: it takes the permission payloads:read"

#: What an operation that is running waits for.
OPERATION_WAITS: Mapping[str, str] = {
    "TENANT_SUSPENDED": "Its tenant is suspended. It goes on when the tenant is active again.",
    "JOB_DISABLED": "Its job is disabled. It goes on when the job is active again.",
    "QUOTA_EXCEEDED": "Its tenant has as many unfinished executions as it may. It goes on as they end.",
}


def canary(operation: Operation) -> str:
    """How its first few stand, as a sentence; empty without one."""
    found = canaries.read(operation.canary)
    if found is None:
        return ""
    advice = " Look at what failed; then resume it to go on with the rest anyway, or abort it."
    is_up_to_somebody = found.stage is canaries.Stage.FAILED and operation.state == operations.State.PAUSED
    return f"{found.sentence().capitalize()}.{advice if is_up_to_somebody else ''}"


def ended(operation: Operation) -> str:
    """Why an operation ended before its time, where nobody cancelled it."""
    if operation.ended_because == operations.AUTHOR_LOST_RIGHTS:
        return f"{names.called(operation.created_by)} may no longer run executions here, so it went no further."
    return operation.ended_because


def why(execution: Execution) -> Any:
    """The one word to show beside a state: a reason, an error's code, what it waits for."""
    waits_on = codes.wait_of(execution.waiting_on) or ""
    return marks.shortened(execution.reason or execution.error_code or waits_on, 30)


def instant_of(execution: Execution) -> datetime:
    """An execution is known by the instant it is for: its slot's, or when it was asked for."""
    return execution.scheduled_for or execution.created_at


def took(execution: Execution | Member) -> str:
    """How long its last attempt took, from its first start."""
    if execution.started_at is None or execution.finished_at is None:
        return marks.NOTHING
    return marks.length(execution.finished_at - execution.started_at)


def rule(schedule: Schedule) -> str:
    """A schedule's rule in a few characters."""
    if schedule.kind == "interval":
        return f"every {marks.length(schedule.interval_seconds)}"
    if schedule.kind == "once":
        return "once"
    if schedule.kind == "calendar":
        return calendar_rules.words(schedule.rule)
    if schedule.kind == "event":
        return f"on {schedule.event}"
    return schedule.expression or schedule.rrule or schedule.kind
