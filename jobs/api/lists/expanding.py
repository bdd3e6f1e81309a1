"""What may come along with executions, jobs, schedules and dead letters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from jobs import selectors
from jobs.api.shapes.executions import AttemptShape, ExecutionShape
from jobs.api.shapes.jobs import JobShape
from jobs.api.shapes.schedules import ScheduleShape
from jobs.models import Attempt, DeadLetter, Execution, Job, Schedule
from tenants.api.expansions import Expansion

Context = Mapping[str, Any]


def _attempts(rows: Sequence[Execution], context: Context) -> Mapping[Any, Any]:
    found: dict[Any, list[Attempt]] = defaultdict(list)
    for attempt in selectors.attempts_of([row.pk for row in rows]):
        found[attempt.execution_id].append(attempt)
    return {row.pk: _shown(AttemptShape, found[row.pk], context) for row in rows}


def _schedule(rows: Sequence[Execution], context: Context) -> Mapping[Any, Any]:
    wanted = {row.schedule_id for row in rows if row.schedule_id}
    shown = _by_id(ScheduleShape, Schedule.objects.select_related("job").filter(pk__in=wanted), context)
    return {row.pk: shown.get(row.schedule_id) for row in rows}


def _job(rows: Sequence[Execution | Schedule | DeadLetter], context: Context) -> Mapping[Any, Any]:
    shown = _by_id(JobShape, selectors.jobs().filter(pk__in={row.job_id for row in rows}), context)
    return {row.pk: shown.get(row.job_id) for row in rows}


def _execution(rows: Sequence[DeadLetter], context: Context) -> Mapping[Any, Any]:
    shown = _by_id(ExecutionShape, selectors.executions().filter(pk__in=[row.execution_id for row in rows]), context)
    return {row.pk: shown.get(row.execution_id) for row in rows}


def _last_execution(rows: Sequence[Job], context: Context) -> Mapping[Any, Any]:
    newest = dict(selectors.newest_executions([row.pk for row in rows]))
    shown = _by_id(ExecutionShape, selectors.executions().filter(pk__in=newest.values()), context)
    return {row.pk: shown.get(newest.get(row.pk)) for row in rows}


def _by_id(shape: Any, rows: Any, context: Context) -> dict[Any, Any]:
    found = list(rows)
    return {row.pk: shown for row, shown in zip(found, _shown(shape, found, context), strict=True)}


def _shown(shape: Any, rows: Sequence[Any], context: Context) -> Any:
    return shape(rows, many=True, context=dict(context)).data


OF_EXECUTIONS = {
    "attempts": Expansion("executions:read", _attempts),
    "job": Expansion("jobs:read", _job),
    "schedule": Expansion("jobs:read", _schedule),
}
OF_JOBS = {"last_execution": Expansion("executions:read", _last_execution)}
OF_SCHEDULES = {"job": Expansion("jobs:read", _job)}
OF_DEAD_LETTERS = {"execution": Expansion("executions:read", _execution), "job": Expansion("jobs:read", _job)}
