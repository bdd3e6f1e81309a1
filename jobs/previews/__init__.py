"""What a schedule says before it fires: the sentence, the next slots, what clock changes do, and what may not be meant.

Two small statements beside the rule itself: how long the job takes, and who else runs in that minute. Both are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, cast

from jobs import coming, sentences, sql, triggers, workloads
from jobs.engine import planner, spreads
from jobs.engine.calendars import Calendars
from jobs.models import Job, Schedule
from jobs.previews import cautions, clocks
from jobs.previews.cautions import Seen, Warning
from jobs.previews.clocks import ClockChange
from jobs.rules.slots import Slot, SlotKind, Trigger
from jobs.rules.starts import Spread
from jobs.services import event_fields, schedule_fields
from jobs.services.schedule_fields import ScheduleFields
from jobs.triggers import zones
from tenants.models import Tenant

#: Runs that steps are measured by.
_RUNS = 20
#: So many others in one minute are a crowd; another minute is named if it has at most a third of them.
_CROWD, _FEWER = 10, 3
#: How far from its own a better minute may be, and where counting in a minute stops.
_NEARBY, _MOST_COUNTED = timedelta(minutes=15), 1000
_MINUTE = timedelta(minutes=1)
#: No slot is shown that lies further from the first one.
_FAR = timedelta(days=20 * 365)


@dataclass(frozen=True, slots=True)
class Preview:
    """``slots`` include those that a clock change or a calendar leaves out, each ``kind`` says so; ``spread`` moves its runs."""

    sentence: str
    timezone: str
    slots: Sequence[Slot]
    spread: Spread
    clock_changes: Sequence[ClockChange]
    warnings: Sequence[Warning]


def of_rule(
    tenant: Tenant,
    fields: Mapping[str, Any],
    *,
    job: Job | None,
    after: datetime,
    count: int,
    now: datetime,
    stored: Schedule | None = None,
) -> Preview:
    """A rule that need not be stored; what it leaves out is the tenant's default. Raises :class:`jobs.triggers.InvalidSchedule`.

    ``stored``: the schedule that is to be changed, whose id spreads its runs and which has made some.
    """
    schedule = Schedule(id=stored.pk, tenant=tenant, runs=stored.runs) if stored else Schedule(id=None, tenant=tenant)
    schedule_fields.assign_anchored(schedule, schedule_fields.whole(cast(ScheduleFields, fields), tenant), now)
    event_fields.check_rule(schedule)
    return _of(schedule, job=job, after=after, count=count, now=now)


def of_schedule(schedule: Schedule, *, after: datetime, count: int, now: datetime) -> Preview:
    """A stored schedule."""
    return _of(schedule, job=schedule.job, after=after, count=count, now=now)


def sentence(schedule: Schedule, calendars: Calendars | None = None) -> str:
    """A stored schedule in a sentence; empty if its rule is no longer understood. ``calendars`` as :func:`planner.trigger_of`."""
    try:
        return sentences.of(_fields(schedule), planner.trigger_of(schedule, calendars))
    except triggers.InvalidSchedule:
        return ""


def _of(schedule: Schedule, *, job: Job | None, after: datetime, count: int, now: datetime) -> Preview:
    trigger, fields = planner.trigger_of(schedule), _fields(schedule)
    left = None if schedule.max_runs is None else max(0, schedule.max_runs - schedule.runs)
    runs = list(islice(_near(coming.running(trigger, after, schedule.timezone)), _RUNS))
    runs = runs if left is None else runs[:left]
    changes = clocks.changes(schedule.kind, schedule.timezone, trigger, after)
    seen = Seen(
        fields=fields,
        trigger=trigger,
        runs=runs,
        changes=changes,
        now=now,
        overlap=job.overlap if job else "",
        usual_seconds=_usual(job) if job and len(runs) > 1 else None,
    )
    warnings = [*cautions.of_rule(seen), *(_crowd(schedule, runs[0].at, now) if runs else ())]
    slots = _first(trigger, after, count, left)
    spread = spreads.of_schedule(schedule)
    return Preview(sentences.of(fields, trigger), schedule.timezone, slots, spread, changes, warnings)


def _fields(schedule: Schedule) -> dict[str, Any]:
    return {name: getattr(schedule, name) for name in ScheduleFields.__annotations__}


def _near(slots: Iterable[Slot]) -> Iterator[Slot]:
    """The first slot whenever that is, and others of the years after it: centuries of a zone take their time to work out."""
    first: Slot | None = None
    for slot in slots:
        first = first or slot
        if slot.at - first.at > _FAR:
            return
        yield slot


def _first(trigger: Trigger, after: datetime, count: int, left: int | None) -> list[Slot]:
    """The next slots, and no run beyond those that are left."""
    found: list[Slot] = []
    for slot in islice(_near(trigger.after(after)), count) if left != 0 else ():
        found.append(slot)
        left = None if left is None else left - (slot.kind is SlotKind.RUN)
        if left == 0:
            break
    return found


def _usual(job: Job) -> float | None:
    """What half of its last runs took, in seconds; None before it has run a few times."""
    found = sql.run("paces", tenants=[job.tenant_id], jobs=[job.pk], least=workloads.LEAST_ENDS)
    return float(found[0].usual) if found else None


def _crowd(schedule: Schedule, at: datetime, now: datetime) -> list[Warning]:
    minute = at.replace(second=0, microsecond=0)
    asked = {"tenant": schedule.tenant_id, "besides": schedule.id, "most": _MOST_COUNTED}
    others = sql.run("crowd", **asked, low=minute, high=minute)[0].many
    if others < _CROWD:
        return []
    around = sql.run("crowd", **asked, low=max(minute - _NEARBY, _next_minute(now)), high=minute + _NEARBY)
    best = min(around, key=lambda row: (row.many, abs(row.minute - minute)), default=None)
    better = None
    if best is not None and best.many * _FEWER <= others:
        better = (_told(best.minute, schedule.timezone, minute), best.many)
    return [cautions.crowd(others, _told(minute, schedule.timezone, minute, whole=True), better)]


def _next_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + _MINUTE


def _told(minute: datetime, zone: str, beside: datetime, *, whole: bool = False) -> str:
    """A minute on the schedule's clock; ``whole`` with the zone, and in UTC too where that differs."""
    local = minute.astimezone(zones.zone(zone))
    day = "" if local.date() == beside.astimezone(zones.zone(zone)).date() else "%Y-%m-%d "
    told = f"{local:{day}%H:%M}"
    if not whole:
        return told
    return f"{told} {zone}" + ("" if zone == "UTC" else f" ({minute.astimezone(UTC):%H:%M} UTC)")
