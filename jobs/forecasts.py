"""What will run when, by the schedules' rules alone: nothing is stored, and the work is bounded.

Slots in order are merged lazily: schedules come by their next run, so that few of them are looked at for the first page
of a window that begins now. Groups are counted without making slots wherever there are more slots than groups.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any
from uuid import UUID

from django.db.models import Q

from jobs import coming, triggers
from jobs.coming import Run
from jobs.engine import planner, spreads
from jobs.models import JobState, Schedule, ScheduleState
from jobs.rules.opening_hours import InvalidHours
from jobs.rules.slots import TICK, Trigger
from jobs.triggers import contract
from tenants.models import Tenant, TenantState

#: Longest window.
LONGEST = timedelta(days=31)
#: Most schedules that are looked at, those that run soonest.
MOST_SCHEDULES = 10_000
#: Most slots made or groups counted in one answer; to understand a rule costs as much as many slots of it.
MOST_STEPS, STEPS_OF_A_RULE = 100_000, 30
#: Rows read from the database at a time.
_PAGE = 500
#: What moves or ends the runs of a rule.
_MOVES = ("jitter_seconds", "execution_window", "max_runs", "runs", "planned_until")
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Forecast:
    """``schedules`` were looked at; ``held`` are not planned, nor ``unreadable`` ones; ``capped``: the bound was met."""

    held: int
    schedules: int = 0
    unreadable: int = 0
    capped: bool = False
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """So many slots in an hour, a queue or of a job."""

    key: Any
    name: str
    slots: int


def next_slots(
    tenant: Tenant, *, since: datetime, until: datetime, limit: int
) -> tuple[Forecast, list[tuple[Run, Any]]]:
    """The first slots of [since, until) that run, over all schedules of a tenant."""
    rows, forecast = _planned(tenant, until)
    found = list(islice(_merged(rows, since, until, forecast), limit + 1))
    forecast.capped |= len(found) > limit
    return forecast, found[:limit]


def by_hour(tenant: Tenant, *, since: datetime, until: datetime) -> tuple[Forecast, list[Group]]:
    """How many slots lie in each hour (UTC) that has any. Rules that several schedules share are counted once."""
    rows, forecast = _planned(tenant, until)
    triggers_of: dict[Any, Trigger] = {}
    sharing: Counter[Any] = Counter()
    totals: Counter[datetime] = Counter()
    for row, trigger, rule in _built(rows, forecast):
        if _is_bound(row):
            totals += Counter(_hour(run.start.at) for run in _made(row, trigger, since, until, forecast))
            continue
        triggers_of[rule] = trigger
        sharing[rule] += 1
    for rule, many in sharing.items():
        if forecast.steps >= MOST_STEPS:
            forecast.capped = True
            forecast.schedules -= many
            continue
        for hour, slots in _counted(triggers_of[rule], since, until, forecast).items():
            totals[hour] += slots * many
    return forecast, [Group(hour, "", totals[hour]) for hour in sorted(totals)]


def by_owner(
    tenant: Tenant, *, since: datetime, until: datetime, key: Callable[[Any], tuple[Any, str]]
) -> tuple[Forecast, list[Group]]:
    """How many slots there are of each queue or job that has any, the most first."""
    totals: Counter[tuple[Any, str]] = Counter()
    known: dict[Any, int] = {}
    rows, forecast = _planned(tenant, until)
    for row, trigger, rule in _built(rows, forecast):
        if _is_bound(row):
            totals[key(row)] += sum(1 for _ in _made(row, trigger, since, until, forecast))
            continue
        if rule not in known:
            known[rule] = trigger.count(since - TICK, until - TICK)
        totals[key(row)] += known[rule]
    ordered = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0][1]))
    return forecast, [Group(owner, name, slots) for (owner, name), slots in ordered if slots]


def of_queue(row: Any) -> tuple[str, str]:
    """A schedule's queue."""
    return row.job__queue_id, row.job__queue_id


def of_job(row: Any) -> tuple[UUID, str]:
    """A schedule's job."""
    return row.job_id, row.job__name


def _planned(tenant: Tenant, until: datetime) -> tuple[Iterable[Any], Forecast]:
    """Schedules that are planned and may have a slot before ``until``, those that run soonest first, read as they are wanted."""
    own = Schedule.objects.filter(tenant=tenant).exclude(state__in=(ScheduleState.DELETED, ScheduleState.ENDED))
    goes = Q(state=ScheduleState.ACTIVE, job__state=JobState.ACTIVE)
    if tenant.state != TenantState.ACTIVE:
        return [], Forecast(held=own.order_by()[:MOST_SCHEDULES].count())
    forecast = Forecast(held=own.exclude(goes).order_by()[:MOST_SCHEDULES].count())
    soon = own.filter(goes & (Q(next_run_at__lt=until) | Q(next_run_at__isnull=True))).order_by("next_run_at", "pk")
    columns = ("id", "job_id", "job__name", "job__type", "job__queue_id", "next_run_at", *_MOVES, *contract.STORED)
    return soon.values_list(*columns, named=True).iterator(chunk_size=_PAGE), forecast


def _built(rows: Iterable[Any], forecast: Forecast) -> Iterator[tuple[Any, Trigger, Any]]:
    """Each schedule with what makes its slots, as far as the bounds allow."""
    made: dict[Any, Trigger] = {}
    for row in rows:
        if forecast.steps >= MOST_STEPS or forecast.schedules >= MOST_SCHEDULES:
            forecast.capped = True
            return
        forecast.schedules += 1
        rule = tuple(getattr(row, name) for name in contract.STORED)
        forecast.steps += 1 if rule in made else STEPS_OF_A_RULE
        try:
            if rule not in made:
                made[rule] = planner.trigger_of(row)
            spreads.of_schedule(row)
        except (triggers.InvalidSchedule, InvalidHours):
            forecast.unreadable += 1
            continue
        yield row, made[rule], rule


def _is_bound(row: Any) -> bool:
    """Whether not every slot runs, or some run at another hour: then they are made one by one."""
    return row.execution_window is not None or row.max_runs is not None


def _made(row: Any, trigger: Trigger, since: datetime, until: datetime, forecast: Forecast) -> Iterator[Run]:
    for run in coming.runs(row, since - TICK, trigger):
        forecast.steps += 1
        forecast.capped |= forecast.steps >= MOST_STEPS
        if run.slot.at >= until or forecast.capped:
            return
        yield run


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _merged(rows: Iterable[Any], since: datetime, until: datetime, forecast: Forecast) -> Iterator[tuple[Run, Any]]:
    """Slots in order. A schedule is not looked at before its next run could be the next of all."""
    tie = count()
    heap: list[tuple[datetime, int, Run, Any, Iterator[Run]]] = []

    def push(row: Any, runs: Iterator[Run]) -> None:
        run = next(runs, None)
        forecast.steps += 1
        if run is not None and run.slot.at < until:
            heapq.heappush(heap, (run.slot.at, next(tie), run, row, runs))

    for row, trigger, _ in _built(rows, forecast):
        while heap and row.next_run_at is not None and heap[0][0] < row.next_run_at:
            yield _popped(heap, push)
        push(row, coming.runs(row, since - TICK, trigger))
    while heap:
        yield _popped(heap, push)


def _popped(heap: list[Any], push: Callable[[Any, Iterator[Run]], None]) -> tuple[Run, Any]:
    _, _, run, row, runs = heapq.heappop(heap)
    push(row, runs)
    return run, row


def _counted(trigger: Trigger, since: datetime, until: datetime, forecast: Forecast) -> Counter[datetime]:
    """Slots made one by one where they are few, else counted hour by hour."""
    first = since.replace(minute=0, second=0, microsecond=0)
    hours = -((first - until) // HOUR)
    total = trigger.count(since - TICK, until - TICK)
    forecast.steps += min(total, hours)
    if total <= hours:
        return Counter(_hour(slot.at) for slot in islice(trigger.after(since - TICK), total))
    found: Counter[datetime] = Counter()
    for begin in (first + n * HOUR for n in range(hours)):
        low, high = max(begin, since), min(begin + HOUR, until)
        if counted := trigger.count(low - TICK, high - TICK):
            found[begin] = counted
    return found
