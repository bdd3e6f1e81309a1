"""Asks the database why a job or a schedule does not run, or when it will, and how it went last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from jobs import engines, executors, explanations, holds, paused_tags, selectors, shut, sql, waits
from jobs.models import Execution, Job, JobState, Schedule, ScheduleState, Tag
from jobs.rules import explaining, words
from jobs.rules.codes import Outlook
from jobs.rules.explaining import Explanation, Reason
from jobs.rules.states import TERMINAL, State
from jobs.services import event_fields
from tenants import actors, quotas
from tenants.models import Tenant, TenantState
from tenants.rules import phrases
from tenants.rules.quotas import UNFINISHED

#: Newest executions looked through for the last one that ended and for what waits.
LOOKED_THROUGH = 50
#: Unfinished executions are counted up to here; a quota above says nothing.
COUNTED_UP_TO = 100_000


@dataclass(frozen=True, slots=True)
class Last:
    """The newest execution that has ended."""

    execution: Execution
    reason: Reason

    def clause(self) -> str:
        """How it went, in half a sentence."""
        instant = phrases.instant(self.execution.scheduled_for or self.execution.created_at)
        return f"the last one, for {instant}, {_WAS[State(self.execution.state)]}: {self.reason.clause}"

    def sentence(self) -> str:
        """The same in a sentence, with what to do."""
        return words.sentence(self.clause(), self.reason.advice)


@dataclass(frozen=True, slots=True)
class Told:
    """``last`` is None too where whoever asks may not read executions."""

    explanation: Explanation
    next_run_at: datetime | None
    last: Last | None

    @property
    def summary(self) -> str:
        """Both in one line."""
        return f"{self.explanation.summary}; {self.last.clause()}" if self.last else self.explanation.summary


_WAS = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "was cancelled",
    State.SKIPPED: "was skipped",
}


def of_job(job: Job, paused: Iterable[Tag] | None = None) -> Told:
    """Why nothing of it starts, or what does. ``paused``: its tags that are, where they have been read."""
    now = timezone.now()
    schedules = [row for row in job.schedules.all() if row.state != ScheduleState.DELETED]
    active = [row for row in schedules if row.state == ScheduleState.ACTIVE]
    held = _holding(job, now, paused)
    next_run_at = None
    if job.state == JobState.ACTIVE and job.tenant.state == TenantState.ACTIVE:
        next_run_at = min((row.next_run_at for row in active if row.next_run_at), default=None)
    runs = Execution.objects.filter(tenant=job.tenant_id, job=job.pk)
    busy, last = _latest(runs)
    reasons = [*held, *busy, *([_next(next_run_at, now)] if next_run_at else _unscheduled(job, schedules, now))]
    reasons += _problems(schedules) if next_run_at else []
    return _told(str(job.state), reasons, next_run_at, last)


def of_schedule(schedule: Schedule) -> Told:
    """Why it makes nothing, or when it does."""
    now, job = timezone.now(), schedule.job
    own = _standing(schedule, now)
    held = _holding(job, now)
    goes = not own and job.state == JobState.ACTIVE and job.tenant.state == TenantState.ACTIVE
    next_run_at = schedule.next_run_at if goes else None
    busy, last = _latest(Execution.objects.filter(tenant=schedule.tenant_id, schedule=schedule.pk))
    reasons = [
        *own,
        *held,
        *busy,
        *([_next(next_run_at, now)] if next_run_at else []),
        *(_awaited(schedule) if goes else []),
    ]
    return _told(str(schedule.state), reasons, next_run_at, last)


def _told(state: str, reasons: list[Reason], next_run_at: datetime | None, last: Last | None) -> Told:
    return Told(explaining.explained(state, *reasons), next_run_at, last)


def _holding(job: Job, now: datetime, tags: Iterable[Tag] | None = None) -> list[Reason]:
    """What keeps everything of a job from starting, what must be lifted first coming first."""
    tenant, queue = job.tenant, job.queue
    found: list[Reason] = []
    if tenant.state != TenantState.ACTIVE:
        found.append(explaining.outlook(Outlook.TENANT_SUSPENDED, detail=tenant.suspension_reason))
    if job.state == JobState.DISABLED:
        found.append(explaining.outlook(Outlook.JOB_DISABLED, hold=holds.now_of("job", job.pk, now)))
    if job.state == JobState.PAUSED:
        found.append(explaining.outlook(Outlook.JOB_PAUSED, hold=holds.now_of("job", job.pk, now)))
    if queue.paused_at is not None:
        since = f"since {phrases.instant(queue.paused_at)}"
        found.append(explaining.outlook(Outlook.QUEUE_PAUSED, queue=str(queue.pk), detail=since))
    if (window := shut.by_maintenance(job, now)) is not None:
        detail = f"{window.why.rstrip('.')}; until {phrases.instant(window.until)}"
        found.append(explaining.outlook(Outlook.MAINTENANCE, detail=detail))
    paused = paused_tags.pausing(job, now) if tags is None else paused_tags.longest(tags)
    if paused is not None:
        until = f"; until {phrases.instant(paused.until)}" if paused.until else ""
        found.append(explaining.outlook(Outlook.TAG_PAUSED, detail=paused.why + until))
    if missing := executors.missing(job, now):
        found.append(explaining.outlook(Outlook.NO_EXECUTOR, detail=missing))
    if silent := engines.silent(now):
        found.append(explaining.outlook(Outlook.NO_ENGINE, detail=silent))
    if not waits.has_worker(queue, now):
        found.append(explaining.outlook(Outlook.NO_WORKER, queue=str(queue.pk)))
    return found + _quota(tenant)


def _quota(tenant: Tenant) -> list[Reason]:
    limit = quotas.limit(tenant, UNFINISHED)
    if limit is None or limit > COUNTED_UP_TO:
        return []
    used = int(sql.run("count_unfinished", tenant_id=tenant.pk, most=limit)[0].used)
    return [explaining.outlook(Outlook.QUOTA, limit=limit, used=used)] if used >= limit else []


def _next(at: datetime, now: datetime) -> Reason:
    word = "the next run is at" if at > now else "a run is due since"
    return explaining.reason_of(Outlook.NEXT_RUN, f"{word} {phrases.instant(at)}", until=at)


def _unscheduled(job: Job, schedules: list[Schedule], now: datetime) -> list[Reason]:
    """Why none of its schedules will make a slot; nothing where the job itself is held."""
    if job.state != JobState.ACTIVE:
        return []
    if not schedules:
        return [explaining.outlook(Outlook.NO_SCHEDULE)]
    return [reason for row in schedules[:LOOKED_THROUGH] for reason in _standing(row, now) or _awaited(row)]


def _awaited(schedule: Schedule) -> list[Reason]:
    """What one that goes by no clock waits for."""
    if not event_fields.waits(schedule):
        return []
    return [explaining.reason_of(Outlook.WAITS_FOR_EVENT, f"it waits for the event {schedule.event}")]


def _problems(schedules: list[Schedule]) -> list[Reason]:
    """Schedules that are invalid beside one that is not: somebody should know."""
    broken = [row for row in schedules if row.state == ScheduleState.INVALID]
    return [explaining.outlook(Outlook.SCHEDULE_INVALID, detail=row.problem) for row in broken[:LOOKED_THROUGH]]


def _standing(schedule: Schedule, now: datetime) -> list[Reason]:
    match schedule.state:
        case ScheduleState.INVALID:
            return [explaining.outlook(Outlook.SCHEDULE_INVALID, detail=schedule.problem)]
        case ScheduleState.PAUSED:
            return [explaining.outlook(Outlook.SCHEDULE_PAUSED, hold=holds.now_of("schedule", schedule.pk, now))]
        case ScheduleState.ENDED:
            return [explaining.outlook(Outlook.SCHEDULE_ENDED)]
    if event_fields.is_over(schedule, now):
        return [explaining.outlook(Outlook.SCHEDULE_ENDED)]
    return []


def _latest(runs: QuerySet[Execution]) -> tuple[list[Reason], Last | None]:
    """What of the newest executions runs or waits, the oldest of them; and the newest that has ended."""
    if not actors.may("executions:read"):
        return [], None
    newest = list(
        selectors.standing(runs)
        .select_related("job__tenant", "schedule", "queue")
        .defer("payload", "event", "result")
        .order_by("-pk")[:LOOKED_THROUGH]
    )
    ended = next((row for row in newest if row.state in TERMINAL), None)
    alive = [row for row in newest if row.state in (State.RUNNING, State.PENDING, State.QUEUED)]
    busy = []
    if alive:
        reason = explanations.in_short(alive[-1])
        busy = [replace(reason, clause=f"one {_IS[State(alive[-1].state)]}: {reason.clause}")]
    return busy, None if ended is None else Last(ended, explanations.in_short(ended, trail=True))


_IS = {State.RUNNING: "runs", State.PENDING: "waits", State.QUEUED: "waits"}
