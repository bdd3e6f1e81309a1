"""Asks the database why an execution stands where it stands: a handful of small queries for the one asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import timezone

from jobs import hit_days, holds, neighbours, paused_tags, selectors, shut, waits
from jobs.engine import upstreams
from jobs.models import DeadLetter, Execution, Executor, Job, JobState, Overlap, Schedule, TriggerKind, Worker
from jobs.rules import explaining
from jobs.rules.codes import Absence, Course, Failure
from jobs.rules.explaining import Ended, Explanation, Hold, Reason, Slot
from jobs.rules.states import State
from jobs.rules.waiting import Waiting, seconds_left
from jobs.sentences import limits
from tenants import quotas
from tenants.rules import phrases
from tenants.rules.quotas import UNFINISHED

#: Later runs of a skipped row's slots that are counted.
_MOST_RUNS = 1000


def of_execution(execution: Execution) -> Explanation:
    """Why it stands where it stands, with its place in the line, about how long that takes, and who used its queue."""
    now = timezone.now()
    return replace(_of_execution(execution, now), neighbours=neighbours.of_execution(execution, now))


def _of_execution(execution: Execution, now: datetime) -> Explanation:
    found = waits.waiting_for(execution)
    if found is None:
        reason = _REASONS[State(execution.state)](execution, now)
        return explaining.explained(execution.state, reason, *_run_anyway(execution))
    place = waits.position(execution)
    pace = waits.per_second(execution, found) if place else None
    left = seconds_left(found, position=place, per_second=pace, now=now)
    return explaining.explained(execution.state, _waiting(execution, found), position=place, estimate=left)


def in_short(execution: Execution, *, trail: bool = False) -> Reason:
    """The same without line and pace, and unless ``trail`` without who held it: for where many are told of."""
    if (found := waits.waiting_for(execution)) is not None:
        return _waiting(execution, found)
    if execution.state == State.SKIPPED and not trail:
        return _skipped(execution, with_hold=False)
    return _REASONS[State(execution.state)](execution, timezone.now())


def _waiting(execution: Execution, found: Waiting) -> Reason:
    return explaining.waiting(
        found,
        attempt=execution.attempt,
        max_attempts=execution.max_attempts,
        error_code=execution.error_code,
        expires_at=execution.expires_at,
    )


def _owner(execution: Execution) -> Worker | Executor | None:
    """Who runs it: a worker, or an executor of its tenant."""
    if execution.worker_id is None:
        return None
    worker = Worker.objects.filter(pk=execution.worker_id).first()
    return worker or Executor.objects.filter(lease_id=execution.worker_id).first()


def _running(execution: Execution, now: datetime) -> Reason:
    worker = _owner(execution)
    return explaining.running(
        since=execution.started_at or now,
        now=now,
        worker=worker.name if worker else "",
        attempt=execution.attempt,
        max_attempts=execution.max_attempts,
        timeout=execution.timeout_seconds,
        lease_holds=worker is not None and worker.is_live(now),
        cancel_requested_at=execution.cancel_requested_at,
    )


def _skipped(execution: Execution, now: datetime | None = None, *, with_hold: bool = True) -> Reason:  # noqa: ARG001 - as the others
    reason, slot = execution.reason, execution.scheduled_for
    if reason not in set(Absence):
        return Reason(code=reason, clause=reason)
    asked = with_hold and slot is not None and reason in _OF_HOLDS
    return explaining.skipped(
        Slot(
            reason=Absence(reason),
            at=slot,
            seen_at=execution.created_at,
            setting=execution.ended_because
            or (with_hold and _upstreams(execution, Absence(reason)))
            or _setting(execution, Absence(reason)),
            folded_until=execution.folded_until,
            folded_count=execution.folded_count,
            hold=_hold(execution, slot) if asked and slot else None,
            limit=quotas.limit(execution.job.tenant, UNFINISHED) if reason == Absence.QUOTA else None,
        )
    )


def _hold(execution: Execution, slot: datetime) -> Hold | None:
    if execution.reason == Absence.PAUSED_TAG:
        return paused_tags.hold(execution.job, slot)
    return holds.around(execution.job, execution.schedule, slot)


def _run_anyway(execution: Execution) -> list[Reason]:
    """What a skipped row's slots were run as later, if they were."""
    if execution.state != State.SKIPPED:
        return []
    found = list(selectors.runs_anyway(execution).values_list("pk", "state")[:_MOST_RUNS])
    if not found:
        return []
    (newest, state), slots = found[0], execution.folded_count or 1
    return [explaining.run_anyway(newest=newest, state=state, count=len(found), slots=slots)]


def _setting(execution: Execution, reason: Absence) -> str:
    """What is set now of what decided then."""
    if said := _of_job(execution.job, reason):
        return said
    schedule: Schedule | None = execution.schedule
    if reason is Absence.BLACKOUT or schedule is None:
        return _window(execution) if schedule else ""
    if reason in _OF_POLICY:
        most = f" {schedule.misfire_max}" if schedule.misfire == "at_most" else ""
        grace = phrases.length(schedule.misfire_grace_seconds)
        return f"the schedule's misfire is {schedule.misfire}{most}, after a grace of {grace}"
    if reason is Absence.HOLIDAY:
        return hit_days.said(schedule, execution.scheduled_for)
    if reason is Absence.OUTSIDE_WINDOW and schedule.execution_window is not None:
        return f"the schedule's execution window is {limits.hours(schedule.execution_window)}, in {schedule.timezone}"
    return {
        Absence.CATCHUP_EXPIRED: f"the schedule's catch-up window is {phrases.length(schedule.catch_up_window_seconds)}",
        Absence.DST_GAP: f"the schedule's dst_gap is {schedule.dst_gap}, in {schedule.timezone}",
        Absence.DST_FOLD: f"the schedule's dst_fold is {schedule.dst_fold}, in {schedule.timezone}",
    }.get(reason, "")


def _of_job(job: Job, reason: Absence) -> str:
    if reason is Absence.OVERLAP:
        return f"the job's overlap is {job.overlap}"
    if reason is Absence.EXPIRED and job.max_wait_seconds:
        return f"the job's max_wait_seconds is {job.max_wait_seconds:g}"
    return ""


def _window(execution: Execution) -> str:
    """Which window it fell into, in the words of whoever made that."""
    at = execution.scheduled_for
    window = shut.over(execution.job, at) if at is not None else None
    return f"the window says: {window.reason.rstrip('.')}" if window is not None else ""


def _failed(execution: Execution, now: datetime) -> Reason:  # noqa: ARG001 - as the others
    letter = DeadLetter.objects.filter(execution_id=execution.pk).values_list("state", flat=True).first()
    return explaining.failed(
        Ended(
            error_code=execution.error_code,
            message=execution.error_message,
            attempt=execution.attempt,
            max_attempts=execution.max_attempts,
            crashes=execution.crashes,
            started=execution.epoch > 0,
            is_out_of_time=_is_out_of_time(execution),
            at=execution.finished_at,
            letter=letter or "",
        )
    )


def _is_out_of_time(execution: Execution) -> bool:
    """Whether nothing but its job's max_total_seconds kept it from another attempt."""
    return execution.error_code == Failure.TIMEOUT and "max_total_seconds" in execution.error_message


def _cancelled(execution: Execution, now: datetime) -> Reason:  # noqa: ARG001 - as the others
    asked = holds.cancelling(execution.pk)
    if asked is not None:
        return explaining.cancelled(at=asked.at, by=asked.actor, why=asked.reason)
    if _is_superseded(execution):
        return explaining.superseded(at=execution.finished_at)
    with_job = execution.job.state == JobState.DELETED
    deleted = holds.deletion(execution.job_id) if with_job else None
    by = deleted.actor if deleted else ""
    return explaining.cancelled(at=execution.finished_at, by=by, with_its_job=with_job)


def _is_superseded(execution: Execution) -> bool:
    """As far as can be told: nobody asked for it, and its job has the one before cancelled when a slot is due."""
    job = execution.job
    of_slot = execution.trigger == TriggerKind.SCHEDULE and job.overlap == Overlap.CANCEL_PREVIOUS
    return of_slot and job.state != JobState.DELETED


def _succeeded(execution: Execution, now: datetime) -> Reason:  # noqa: ARG001 - as the others
    took: timedelta | None = None
    if execution.started_at and execution.finished_at:
        took = execution.finished_at - execution.started_at
    return explaining.succeeded(
        attempt=execution.attempt, max_attempts=execution.max_attempts, at=execution.finished_at, took=took
    )


def _blocked(execution: Execution, now: datetime) -> Reason:  # noqa: ARG001 - as the others
    return explaining.reason_of(Course.BLOCKED)


def _upstreams(execution: Execution, reason: Absence) -> str:
    """How the steps before it ended, where that is why it did not run."""
    if execution.workflow_run_id is None or reason not in _OF_UPSTREAMS:
        return ""
    return explaining.steps(upstreams.standing(execution.pk), ended=True)


#: Where it is told who held what.
_OF_HOLDS = frozenset({
    Absence.MISFIRE, Absence.CATCHUP_EXPIRED, Absence.DISABLED,
    Absence.PAUSED_SCHEDULE, Absence.PAUSED_JOB, Absence.PAUSED_TENANT, Absence.PAUSED_TAG,
})  # fmt: skip
#: And how the steps before it ended.
_OF_UPSTREAMS = frozenset({Absence.DEPENDENCY_FAILED, Absence.RULE_NOT_MET, Absence.CONDITION_FALSE})
#: And the misfire policy that left it out.
_OF_POLICY = frozenset({
    Absence.MISFIRE, Absence.PAUSED_SCHEDULE, Absence.PAUSED_JOB, Absence.PAUSED_TENANT, Absence.PAUSED_TAG,
})  # fmt: skip
#: Of what does not wait for capacity or for an instant.
_REASONS: dict[State, Callable[[Execution, datetime], Reason]] = {
    State.BLOCKED: _blocked,
    State.RUNNING: _running,
    State.SUCCEEDED: _succeeded,
    State.FAILED: _failed,
    State.CANCELLED: _cancelled,
    State.SKIPPED: _skipped,
}
