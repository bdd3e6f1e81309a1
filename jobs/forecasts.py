"""What will run when, by the schedules' rules alone: nothing is stored, and the work is bounded. See :mod:`jobs.workloads`, too.

Slots in order are merged lazily: schedules come by their next run, so that few of them are looked at for the first page
of a window that begins now. Groups are counted without making slots wherever there are more slots than groups.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from jobs import coming, triggers, workloads
from jobs.coming import Run
from jobs.engine import planner, spreads
from jobs.engine.calendars import Calendars
from jobs.models import JobState, Schedule, ScheduleState
from jobs.rules.limited import ending_with
from jobs.rules.slots import TICK, SlotKind, Trigger
from jobs.triggers import clock_changes, contract
from jobs.triggers.event import KIND as EVENT
from jobs.workloads import Work
from tenants.models import Tenant, TenantState

#: Longest window.
LONGEST = timedelta(days=31)
#: Most schedules that are looked at, those that run soonest.
MOST_SCHEDULES = 10_000
#: Most slots made or groups counted in one answer; to understand a rule costs as much as many slots of it.
MOST_STEPS, STEPS_OF_A_RULE = 100_000, 60
#: Rows read from the database at a time.
_PAGE = 500
#: What moves or ends the runs of a rule.
_MOVES = ("jitter_seconds", "execution_window", "max_runs", "runs", "planned_until")
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Forecast:
    """``schedules`` were looked at; ``held`` are not planned, nor ``unreadable`` ones; ``capped``: the bound was met.

    ``on_events`` start whenever an event comes, which nobody can foretell.
    """

    held: int
    on_events: int = 0
    schedules: int = 0
    unreadable: int = 0
    capped: bool = False
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """The work of an hour, a queue, a job or a tenant."""

    key: Any
    name: str
    work: Work


def next_slots(
    tenant: Tenant | None, *, since: datetime, until: datetime, limit: int
) -> tuple[Forecast, list[tuple[Run, Any]]]:
    """The first slots of [since, until) that run, over all schedules of a tenant; of all tenants, if none is named."""
    rows, forecast = _planned(tenant, until)
    found = list(islice(_merged(rows, since, until, forecast), limit + 1))
    forecast.capped |= len(found) > limit
    return forecast, found[:limit]


def by_hour(tenant: Tenant | None, *, since: datetime, until: datetime) -> tuple[Forecast, list[Group]]:
    """What lies in each hour (UTC) that has any slot. Rules that several schedules share are counted once."""
    rows, forecast = _planned(tenant, until)
    hours_of: dict[Any, Counter[datetime]] = {}
    seen: list[tuple[Any, UUID, UUID]] = []
    for row, trigger, rule in _built(rows, forecast, until):
        if rule not in hours_of:
            if _is_bound(row):
                made = (_at(run) for run in _made(row, trigger, since, until, forecast))
                hours_of[rule] = Counter(_hour(at) for at in made if at < until)
            else:
                hours_of[rule] = _counted(row, trigger, since, until, forecast)
        seen.append((rule, row.tenant_id, row.job_id))
    paces = workloads.paces(((tenant_id, job) for _, tenant_id, job in seen), forecast)
    shares: dict[Any, Work] = {}
    for rule, _, job in seen:
        shares.setdefault(rule, Work()).add(paces.of(job))
    totals: dict[datetime, Work] = {}
    for rule, share in shares.items():
        for hour, slots in hours_of[rule].items():
            totals.setdefault(hour, Work()).add(share, times=slots)
    return forecast, [Group(hour, "", totals[hour]) for hour in sorted(totals)]


def by_owner(
    tenant: Tenant | None, *, since: datetime, until: datetime, key: Callable[[Any], tuple[Any, str]]
) -> tuple[Forecast, list[Group]]:
    """What there is of each queue, job or tenant that has any slot, the most slots first."""
    totals: dict[tuple[Any, str], Work] = {}
    known: dict[Any, int] = {}
    rows, forecast = _planned(tenant, until)
    built = list(_built(rows, forecast, until))
    paces = workloads.paces(_jobs(built), forecast)
    most = forecast.steps + MOST_STEPS
    for row, trigger, rule in built:
        if forecast.steps >= most:
            forecast.capped = True
            break
        if rule not in known:
            made = _made(row, trigger, since, until, forecast) if _is_bound(row) else None
            known[rule] = _count(row, trigger, since, until, forecast) if made is None else sum(1 for _ in made)
        if known[rule]:
            totals.setdefault(key(row), Work()).add(paces.of(row.job_id), times=known[rule])
    ordered = sorted(totals.items(), key=lambda pair: (-pair[1].slots, pair[0][1]))
    return forecast, [Group(owner, name, work) for (owner, name), work in ordered]


def of_queue(row: Any) -> tuple[str, str]:
    """A schedule's queue."""
    return row.job__queue_id, row.job__queue_id


def of_job(row: Any) -> tuple[UUID, str]:
    """A schedule's job."""
    return row.job_id, row.job__name


def of_tenant(row: Any) -> tuple[UUID, str]:
    """A schedule's tenant."""
    return row.tenant_id, row.tenant__slug


def _jobs(built: Iterable[tuple[Any, Trigger, Any]]) -> Iterator[tuple[UUID, UUID]]:
    """(tenant, job) of each schedule, those that run soonest first."""
    return ((row.tenant_id, row.job_id) for row, _, _ in built)


def _planned(tenant: Tenant | None, until: datetime) -> tuple[Iterable[Any], Forecast]:
    """Schedules that are planned and may have a slot before ``until``, those that run soonest first, read as they are wanted."""
    ends = (ScheduleState.DELETED, ScheduleState.ENDED)
    kept = Schedule.objects.exclude(state__in=ends).order_by()
    goes = Q(state=ScheduleState.ACTIVE, job__state=JobState.ACTIVE)
    if tenant is None:
        held = kept.filter(state__in=(ScheduleState.PAUSED, ScheduleState.INVALID))  # those of held jobs have no index
        soon = kept.filter(goes, due_at__lt=until, tenant__state=TenantState.ACTIVE)
        return _rows(soon, "due_at"), Forecast(held=held[:MOST_SCHEDULES].count())
    own = kept.filter(tenant=tenant)
    if tenant.state != TenantState.ACTIVE:
        return [], Forecast(held=own[:MOST_SCHEDULES].count())
    forecast = Forecast(held=own.exclude(goes)[:MOST_SCHEDULES].count())
    forecast.on_events = own.filter(goes, kind=EVENT)[:MOST_SCHEDULES].count()
    soon = own.filter(goes & (Q(next_run_at__lt=until) | Q(next_run_at__isnull=True))).exclude(kind=EVENT)
    return _rows(soon, "next_run_at"), forecast


def _rows(schedules: QuerySet[Schedule], by: str) -> Iterable[Any]:
    """In the order of a column that an index holds; ``starts_at`` is that, and no slot comes before it."""
    columns = (
        "id", "tenant_id", "tenant__slug", "job_id", "job__name", "job__type", "job__queue_id", "starts_at",
        "calendars", *_MOVES, *contract.STORED,
    )  # fmt: skip
    ordered = schedules.annotate(starts_at=F(by)).order_by(by, "pk")
    return ordered.values_list(*columns, named=True).iterator(chunk_size=_PAGE)


def _limited(row: Any, trigger: Trigger, until: datetime, forecast: Forecast) -> Trigger:
    """No run beyond those that its schedule has left; where slots are left out, that is counted as they are made."""
    if row.max_runs is None or _is_bound(row):
        return trigger

    def left_out(after: datetime, last: datetime) -> int:
        if forecast.steps >= MOST_STEPS:
            return 0
        return len(_left_out(row, trigger, after + TICK, last + TICK, forecast))

    left = max(0, row.max_runs - row.runs)
    return ending_with(trigger, left, after=row.planned_until, until=until, left_out=left_out)


def _built(rows: Iterable[Any], forecast: Forecast, until: datetime) -> Iterator[tuple[Any, Trigger, Any]]:
    """Each schedule with what makes its slots, as far as the bounds allow."""
    made: dict[Any, Trigger] = {}
    calendars = Calendars()
    for row in rows:
        if forecast.steps >= MOST_STEPS or forecast.schedules >= MOST_SCHEDULES:
            forecast.capped = True
            return
        forecast.schedules += 1
        rule = (*(_hashable(getattr(row, name)) for name in contract.STORED), _hashable(row.calendars))
        if row.calendars:
            rule += (row.tenant_id,)  # others' calendars of that name have other days
        if row.max_runs is not None or row.execution_window is not None or triggers.spreads(row):
            rule += (row.id,)  # its own: how many runs are left, where it is spread to
        forecast.steps += 1 if rule in made else STEPS_OF_A_RULE
        try:
            if rule not in made:
                made[rule] = _limited(row, planner.trigger_of(row, calendars), until, forecast)
            spreads.of_schedule(row)
        except triggers.InvalidSchedule:
            forecast.unreadable += 1
            continue
        yield row, made[rule], rule


def _hashable(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def _is_bound(row: Any) -> bool:
    """Whether some of its slots do not run, or run at another hour: then they are made one by one."""
    return row.execution_window is not None or bool(row.calendars)


def _made(row: Any, trigger: Trigger, since: datetime, until: datetime, forecast: Forecast) -> Iterator[Run]:
    """Its runs of [since, until). Those before are made too where they use up the ones that are left."""
    after = since - TICK if row.max_runs is None else min(since - TICK, row.planned_until)
    forecast.steps += (since - after).days
    for run in coming.runs(row, after, trigger, until=until):
        forecast.steps += 1
        forecast.capped |= forecast.steps >= MOST_STEPS
        if forecast.capped:
            return
        if run.slot.at >= since:
            yield run


def _at(run: Run) -> datetime:
    """The work of a slot is at its instant, or where it waits for an opening, then; jitter is not looked at."""
    return run.start.at if run.start.waits else run.slot.at


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _merged(rows: Iterable[Any], since: datetime, until: datetime, forecast: Forecast) -> Iterator[tuple[Run, Any]]:
    """Slots in order. A schedule is not looked at before its next run could be the next of all."""
    tie = count()
    heap: list[tuple[datetime, int, Run, Any, Iterator[Run]]] = []

    def push(row: Any, runs: Iterator[Run]) -> None:
        run = next(runs, None)
        forecast.steps += 1
        if run is not None:
            heapq.heappush(heap, (run.slot.at, next(tie), run, row, runs))

    for row, trigger, _ in _built(rows, forecast, until):
        while heap and row.starts_at is not None and heap[0][0] < row.starts_at:
            yield _popped(heap, push)
        is_counted = row.max_runs is not None and _is_bound(row)
        own = coming.runs(row, since - TICK, trigger, until=until)
        push(row, _made(row, trigger, since, until, forecast) if is_counted else own)
    while heap:
        yield _popped(heap, push)


def _popped(heap: list[Any], push: Callable[[Any, Iterator[Run]], None]) -> tuple[Run, Any]:
    _, _, run, row, runs = heapq.heappop(heap)
    push(row, runs)
    return run, row


def _count(row: Any, trigger: Trigger, since: datetime, until: datetime, forecast: Forecast) -> int:
    """How many slots run, of a schedule without calendars."""
    return trigger.count(since - TICK, until - TICK) - len(_left_out(row, trigger, since, until, forecast))


def _counted(row: Any, trigger: Trigger, since: datetime, until: datetime, forecast: Forecast) -> Counter[datetime]:
    """The same by hours: made one by one where they are few, else counted hour by hour."""
    first = since.replace(minute=0, second=0, microsecond=0)
    hours = -((first - until) // HOUR)
    total = trigger.count(since - TICK, until - TICK)
    forecast.steps += min(total, hours)
    if total <= hours:
        slots = islice(trigger.after(since - TICK), total)
        return Counter(_hour(slot.at) for slot in slots if slot.kind is SlotKind.RUN)
    found: Counter[datetime] = Counter()
    for begin in (first + n * HOUR for n in range(hours)):
        low, high = max(begin, since), min(begin + HOUR, until)
        if counted := trigger.count(low - TICK, high - TICK):
            found[begin] = counted
    found.subtract(_hour(at) for at in _left_out(row, trigger, since, until, forecast))
    return +found


def _left_out(row: Any, trigger: Trigger, since: datetime, until: datetime, forecast: Forecast) -> list[datetime]:
    """When slots lie that clock changes leave out: a trigger counts them with all others."""
    slots = clock_changes.slots(trigger, row.timezone, since, until)
    left_out = [slot.at for slot in slots if slot.kind is not SlotKind.RUN]
    forecast.steps += len(left_out)
    return left_out
