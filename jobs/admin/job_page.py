"""All there is to know about one job, on one page and in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone

from jobs import outlooks, paused_tags
from jobs.admin import recent, revisions, wording
from jobs.models import Duplicate, Execution, Job, JobState, Schedule, ScheduleState, Tag
from tenants import actors, marks
from tenants.admin import pages, throttling

RUNS, SCHEDULES = 20, 100
#: What becomes of a request whose deduplication key is taken.
_CONFLICTS: dict[str, str] = {
    Duplicate.REJECT: "others are rejected",
    Duplicate.RETURN_EXISTING: "others get that one",
    Duplicate.REPLACE: "others take the place of one that waits",
}


def with_next_run(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Jobs with ``next_run``, the earliest of their schedules'."""
    active = Schedule.objects.filter(job=OuterRef("pk"), state=ScheduleState.ACTIVE, next_run_at__isnull=False)
    return jobs.annotate(next_run=Subquery(active.order_by("next_run_at").values("next_run_at")[:1]))


def context(job: Job) -> dict[str, Any]:
    """What the template shows."""
    may_see = actors.may("payloads:read")
    paused = list(paused_tags.of_job(job, timezone.now()))
    told = outlooks.of_job(job, paused)
    runs = Execution.objects.filter(tenant=job.tenant_id, job=job.pk)
    all_runs = f"{reverse('admin:jobs_execution_changelist')}?job__id__exact={job.pk}"
    return {
        "job": job,
        "explanation": told.explanation,
        "last": told.last,
        "facts": _facts(job, paused),
        "may_see_payloads": may_see,
        "schedules": _schedules(job),
        "runs": recent.table("Last executions", runs, limit=RUNS, empty="It has never run.", more=(all_runs, "All")),
        **revisions.listed(job),
    }


def _facts(job: Job, paused: Sequence[Tag]) -> list[tuple[str, Any]]:
    tags = ", ".join(job.tag_rows.order_by("tag").values_list("tag", flat=True))
    return [
        ("State", _state(job)),
        ("Tenant", pages.link_to(job.tenant, job.tenant.name)),
        ("Type", job.type),
        ("Id", marks.code(job.pk)),
        ("Queue, priority", f"{job.queue_id}, {job.priority}"),
        ("Time limit", marks.length(job.timeout_seconds)),
        *_limits(job),
        ("Most in flight", job.max_running or "no cap of its own"),
        *throttling.facts(job),
        ("Concurrency key", _key(job)),
        ("Deduplication", _dedup(job)),
        ("Rate", throttling.rate(job)),
        ("Overlap", job.overlap),
        ("Category", job.category or marks.NOTHING),
        ("Tags", tags or marks.NOTHING),
        *_paused_tags(paused),
        ("Told of failures", ", ".join(job.on_failure) or marks.NOTHING),
        ("Told of successes", ", ".join(job.on_success) or marks.NOTHING),
        ("Owner", job.owner or marks.NOTHING),
        ("Changed", marks.instant(job.updated_at)),
    ]


def _paused_tags(found: Sequence[Tag]) -> list[tuple[str, Any]]:
    """What holds it of its tags."""
    links = [
        marks.joined((pages.link_to(tag, marks.shortened(paused_tags.said(tag), 120)), _until(tag)), ", ")
        for tag in found
    ]
    return [("Held by the tag", marks.joined(links, "; "))] if links else []


def _until(tag: Tag) -> Any:
    return marks.joined(("until", marks.instant(tag.until)), " ") if tag.until else "until it is resumed"


def _state(job: Job) -> Any:
    return (
        marks.joined((marks.state(job.state), job.paused_because or ""), " ")
        if job.paused_because
        else marks.state(job.state)
    )


def _limits(job: Job) -> list[tuple[str, Any]]:
    """Those that it has."""
    lengths = [
        ("Asked to end after", job.soft_timeout_seconds),
        ("Longest wait", job.max_wait_seconds),
        ("Longest of all", job.max_total_seconds),
    ]
    told = [(label, marks.length(seconds)) for label, seconds in lengths if seconds is not None]
    if job.pause_after_failures is None:
        return told
    pause = f"{job.pause_after_failures} in a row"
    if job.failed_in_a_row:
        pause += f"; {job.failed_in_a_row} now"
    return [*told, ("Paused after failures", pause)]


def _key(job: Job) -> Any:
    if not job.concurrency_key:
        return marks.NOTHING
    said = [marks.code(job.concurrency_key), f"{job.max_running_per_key} at once"]
    if job.key_rate_limit:
        burst = f", at most {job.key_rate_burst} at once" if job.key_rate_burst else ""
        said.append(f"{job.key_rate_limit} each{burst}")
    return marks.joined(said, ", ")


def _dedup(job: Job) -> Any:
    if not job.dedup_key:
        return "only by a request's own key"
    taken = "until its execution ends" if job.dedup_seconds is None else f"for {marks.length(job.dedup_seconds)}"
    return marks.joined((marks.code(job.dedup_key), f"taken {taken}", _CONFLICTS[job.dedup_conflict]), ", ")


def _schedules(job: Job) -> dict[str, Any]:
    rows = list(job.schedules.exclude(state=ScheduleState.DELETED).order_by("pk")[: SCHEDULES + 1])
    held = job.state != JobState.ACTIVE
    cells = [
        (
            pages.link_to(row, marks.code(wording.rule(row))),
            marks.state(row.state),
            row.timezone,
            marks.instant(None if held else row.next_run_at),
            row.problem or marks.NOTHING,
        )
        for row in rows[:SCHEDULES]
    ]
    more = f", the first {SCHEDULES}" if len(rows) > SCHEDULES else ""
    return {
        "title": f"Schedules{more}",
        "headers": ("Rule", "State", "Time zone", "Next run", "Problem"),
        "rows": cells,
        "empty": "None: it runs only when asked.",
        "more": (f"{reverse('admin:jobs_schedule_changelist')}?job__id__exact={job.pk}", "All"),
    }
