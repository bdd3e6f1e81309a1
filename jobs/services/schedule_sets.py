"""Brings one job's schedules to a declared set: those that are as declared stay what they are, with all their history.

Of the rest, one of the same kind is changed in place, in order: it keeps its id, and the database lets a changed rule
fire only after all it has accounted for. Whatever is left over is added, or deleted. One that has ended is not made
over into something else: what ran by it ran by the rule it tells. So no slot that has run, or is planned, runs again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs import sql
from jobs.models import Job, Schedule, ScheduleState
from jobs.sentences import calendar_rules
from jobs.services import changes, schedule_fields, schedules
from jobs.services.schedule_fields import ScheduleFields
from tenants.models import Tenant


@dataclass(frozen=True)
class Wanted:
    """A schedule to be: every field of it, but for an interval's anchor where none is named. ``path`` is for messages."""

    fields: ScheduleFields
    path: str

    def is_met_by(self, schedule: Schedule, now: datetime) -> bool:
        """Whether a stored one says the same."""
        stored, told = schedule_fields.told(schedule), schedule_fields.told(_schedule(self.fields))
        anchored = "start_at" in self.fields or schedule.start_at is None or schedule.start_at <= now
        return anchored and all(changes.same(stored[name], told[name]) for name in self.fields)

    def __str__(self) -> str:
        return shown(_schedule(self.fields))


def wanted(given: Sequence[ScheduleFields], tenant: Tenant) -> list[Wanted]:
    """What a declaration asks for; what it leaves out has its default."""
    return [Wanted(schedule_fields.whole(fields, tenant), f"schedules[{index}].") for index, fields in enumerate(given)]


def bring(job: Job, declared: Sequence[Wanted]) -> list[str]:
    """Make the job's schedules exactly these; the job is locked by the caller. Says what it did, by rules."""
    left, missing, told = list(job.schedules.all()), [], []
    now = sql.run("clock")[0].now
    for each in declared:
        met = next((schedule for schedule in left if each.is_met_by(schedule, now)), None)
        if met is None:
            missing.append(each)
        else:
            left.remove(met)
            schedules.check_payload(met, each.path)  # the job may have become one that refuses it
    for each in missing:
        old = next((schedule for schedule in left if _may_become(schedule, each, now)), None)
        if old is None:
            told.append(f"schedule {each} added")
            schedules.create(job=job, fields=each.fields, path=each.path)
        else:
            left.remove(old)
            told.append(f"schedule {shown(old)} -> {each}")
            schedules.replace(schedule=old, fields=each.fields, path=each.path)
    for schedule in left:
        told.append(f"schedule {shown(schedule)} deleted")
        schedules.delete(schedule=schedule)
    return told


def _may_become(schedule: Schedule, wish: Wanted, now: datetime) -> bool:
    """Its last slot may be planned and yet to come: then it is not over, and must not be fired by another as well."""
    is_over = schedule.state == ScheduleState.ENDED and schedule.planned_until <= now
    return schedule.kind == wish.fields.get("kind") and not is_over


def shown(schedule: Schedule) -> str:
    """A rule in a few words."""
    rules = {
        "cron": f"{schedule.expression!r} {schedule.timezone}",
        "interval": f"every {schedule.interval_seconds} s",
        "once": f"once at {schedule.run_at}",
        "rrule": f"{schedule.rrule!r} {schedule.timezone}",
        "calendar": f"{calendar_rules.words(schedule.rule)}, {schedule.timezone}",
        "event": f"on {schedule.event}",
    }
    return rules.get(schedule.kind, schedule.kind)


def _schedule(fields: ScheduleFields) -> Schedule:
    schedule = Schedule()
    schedule_fields.assign(schedule, fields)
    return schedule
