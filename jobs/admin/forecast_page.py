"""What runs in the next day: hours as bars, whether workers can do it, and the runs that come next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from jobs import forecasts, workloads
from jobs.coming import Run
from jobs.forecasts import HOUR, Forecast, Group
from jobs.models import Job, Schedule
from jobs.workloads import Crew, Work
from tenants import actors, marks
from tenants.admin import pages

TITLE = "Forecast"
HOURS = 24
#: Of the pictures, in their own units.
HEIGHT, STEP, BAR = 80, 20, 14
_NEXT = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of a picture."""

    kind: str
    x: int
    y: float
    height: float


def view(page: Any, request: HttpRequest) -> HttpResponse:
    """The page; of the tenant in which somebody works, or of all."""
    since = timezone.now()
    until = since.replace(minute=0, second=0, microsecond=0) + HOURS * HOUR
    tenant = actors.current().tenant
    forecast, groups = forecasts.by_hour(tenant, since=since, until=until)
    _, queues = forecasts.by_owner(tenant, since=since, until=until, key=forecasts.of_queue)
    _, runs = forecasts.next_slots(tenant, since=since, until=until, limit=_NEXT)
    crew = workloads.crew(since)
    context = {
        **page.admin_site.each_context(request),
        "title": TITLE,
        "crumbs": [(TITLE, "")],
        "summary": _summary(groups, crew),
        "notes": _notes(forecast, groups),
        **_pictures(since, groups, crew),
        "hours": _hours(since, groups, crew),
        "queues": _queues(queues, crew, until - since),
        "runs": _runs(runs),
    }
    return render(request, "console/forecast.html", context)


def _summary(groups: Sequence[Group], crew: Crew) -> str:
    slots = sum(group.work.slots for group in groups)
    if not slots:
        return "Nothing is planned for the next 24 hours"
    over = [group for group in groups if _is_over(group.work, crew)]
    fullest = max(groups, key=lambda group: group.work.slots)
    most = f"the fullest hour begins at {fullest.key:%H:%M} UTC with {fullest.work.slots:,}"
    if not crew.slots:
        return f"{slots:,} runs in the next 24 hours, and no worker lives; {most}"
    if over:
        return (
            f"{slots:,} runs in the next 24 hours, and more work than the workers can do in {len(over)} of them; {most}"
        )
    return f"{slots:,} runs in the next 24 hours; {most}"


def _notes(forecast: Forecast, groups: Sequence[Group]) -> list[str]:
    unknown = Work()
    for group in groups:
        unknown.add(group.work)
    told = {
        f"{unknown.jobs_unknown:,} jobs have ended too rarely to say how long they take: their runs are in no minutes.": unknown.jobs_unknown,
        f"{forecast.held:,} schedules are held, and left out.": forecast.held,
        f"{forecast.on_events:,} schedules wait for events, which nobody can foretell.": forecast.on_events,
        f"{forecast.unreadable:,} schedules have a rule that is no longer understood.": forecast.unreadable,
        "There is more than could be counted: these are the schedules that run soonest.": forecast.capped,
    }
    return [note for note, holds in told.items() if holds]


def _by_hour(since: datetime, groups: Sequence[Group]) -> list[tuple[datetime, Work]]:
    """Each hour of the day, also those with nothing."""
    found: Mapping[Any, Work] = {group.key: group.work for group in groups}
    first = since.replace(minute=0, second=0, microsecond=0)
    return [(hour, found.get(hour, Work())) for hour in (first + n * HOUR for n in range(HOURS))]


def _pictures(since: datetime, groups: Sequence[Group], crew: Crew) -> dict[str, Any]:
    hours = _by_hour(since, groups)
    most = max((work.slots for _, work in hours), default=0)
    room = crew.slots * 60
    minutes = max((work.usual / 60 for _, work in hours), default=0)
    top = max(room, minutes)
    return {
        "size": (STEP * HOURS, HEIGHT),
        "first": f"{hours[0][0]:%H:%M}",
        "last": f"{hours[-1][0] + HOUR:%H:%M}",
        "most_slots": f"{most:,}",
        "most_minutes": f"{minutes:,.1f}",
        "room_minutes": f"{room:,}",
        "room": round(HEIGHT - HEIGHT * room / top, 1) if top else None,
        "slot_bars": [_bar(n, "work", work.slots / most) for n, (_, work) in enumerate(hours) if work.slots],
        "work_bars": [
            _bar(n, "over" if _is_over(work, crew) else "work", work.usual / 60 / top)
            for n, (_, work) in enumerate(hours)
            if work.usual
        ],
    }


def _bar(place: int, kind: str, share: float) -> Bar:
    height = max(share * HEIGHT, 1.0)
    return Bar(kind, place * STEP + (STEP - BAR) // 2, round(HEIGHT - height, 1), round(height, 1))


def _is_over(work: Work, crew: Crew) -> bool:
    return work.usual > crew.slots * HOUR.total_seconds()


def _hours(since: datetime, groups: Sequence[Group], crew: Crew) -> dict[str, Any]:
    rows = []
    for hour, work in _by_hour(since, groups):
        if work.slots:
            rows.append((f"{hour:%Y-%m-%d %H:%M}", *_cells(work), _standing(work, crew)))
    return {
        "title": "By hour (UTC)",
        "headers": ("From", "Runs", "Worker-minutes", "At most (95 of 100)", "Jobs unknown", "Of what workers can do"),
        "rows": rows,
        "empty": "Nothing is planned. A schedule says when a job runs; runs asked for by hand are not foretold.",
    }


def _cells(work: Work) -> tuple[Any, ...]:
    usual, longest = work.minutes(work.usual), work.minutes(work.longest)
    return (
        f"{work.slots:,}",
        "unknown" if usual is None else f"{usual:,.1f}",
        "unknown" if longest is None else f"{longest:,.1f}",
        f"{work.jobs_unknown:,}" if work.jobs_unknown else marks.NOTHING,
    )


def _standing(work: Work, crew: Crew) -> str:
    if not crew.slots:
        return "no worker lives"
    if not work.known:
        return "unknown"
    share = f"{work.usual / (crew.slots * 36):,.0f} %"
    return f"{share}: more than they can" if _is_over(work, crew) else share


def _queues(groups: Sequence[Group], crew: Crew, window: timedelta) -> dict[str, Any]:
    rows = [
        (group.name, *_cells(group.work), f"{crew.by_queue.get(group.key, 0) * (window / timedelta(minutes=1)):,.0f}")
        for group in groups
    ]
    return {
        "title": "By queue",
        "headers": (
            "Queue",
            "Runs",
            "Worker-minutes",
            "At most (95 of 100)",
            "Jobs unknown",
            "Worker-minutes its workers have",
        ),
        "rows": rows,
        "empty": "None.",
    }


def _runs(found: Sequence[tuple[Run, Any]]) -> dict[str, Any]:
    rows = [
        (
            marks.link(pages.page_of(Schedule, row.id), marks.instant(run.start.at)),
            marks.link(pages.page_of(Job, row.job_id), marks.shortened(row.job__name, 40)),
            marks.shortened(row.tenant__slug, 24),
            row.job__queue_id,
        )
        for run, row in found
    ]
    return {
        "title": "Next runs",
        "headers": ("At", "Job", "Tenant", "Queue"),
        "rows": rows,
        "empty": "None in the next 24 hours.",
    }
