"""All there is to know about one execution, on one page and in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from jobs import explanations, selectors, upstreams
from jobs.admin import approvals, wording
from jobs.engine.records import Line
from jobs.models import (
    Approval,
    Attempt,
    ChannelMessage,
    DeadLetter,
    Execution,
    ExecutionLog,
    JobRevision,
    Operation,
    Schedule,
    WorkflowRun,
)
from jobs.rules import states
from tenants import actors, marks, names
from tenants.admin import pages
from tenants.requests import LONGEST_REASON

LINES = 500
#: Executions that a fact names.
_SHOWN = 5
#: Of a workflow run, beside its graph.
_OF_RUN = ("tenant", "due_at", "root_job__name", "root_job__tenant")


def context(request: HttpRequest, execution: Execution) -> dict[str, Any]:
    """What the template shows."""
    now = timezone.now()
    may_see, may_read_log = actors.may("payloads:read"), actors.may("logs:read")
    lines, cut = log_tail(execution.pk) if may_read_log else ([], False)
    revision = JobRevision.objects.filter(job_id=execution.job_id, number=execution.revision).first()
    told = explanations.of_execution(execution)
    base = revision.spec.get("payload") or {} if revision else {}
    return {
        "execution": execution,
        "explanation": told,
        "waits_for": told.reasons[0].code if execution.state in states.WAITING else "",
        "dead_letter": DeadLetter.objects.filter(execution_id=execution.pk).first(),
        "live": states.State(execution.state) not in states.TERMINAL,
        "facts": _facts(execution),
        "asked": _asked(execution),
        "attempts": _attempts(execution, now),
        "artifacts": list(selectors.artifacts(execution.pk)),
        "now": now,
        "lines": lines,
        "cut": cut,
        "log_url": request.build_absolute_uri(f"/api/v1/executions/{execution.pk}/logs"),
        "may_read_log": may_read_log,
        "may_see_payloads": may_see,
        "payload": {**base, **(execution.payload or {})} if may_see else None,
        "result": execution.result if may_see else None,
        "overridden": sorted(execution.payload or {}) if may_see else [],
    }


def _asked(execution: Execution) -> dict[str, Any] | None:
    """The approval that it waits for, or waited for."""
    approval = Approval.objects.select_related("job", "tenant").filter(execution_id=execution.pk).first()
    return approvals.shown(approval) if approval else None


def _facts(execution: Execution) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        ("Job", pages.link_to(execution.job, execution.job.name)),
        ("Tenant", pages.link_to(execution.job.tenant, execution.job.tenant.name)),
        ("Id, and idempotency key", marks.code(execution.pk)),
        ("Trigger", _trigger(execution)),
        ("Queue, priority", f"{execution.queue_id}, {execution.priority}"),
        ("Revision", execution.revision),
        ("Attempt", f"{execution.attempt} of {execution.max_attempts}" + _crashes(execution)),
        ("Time limit", marks.length(execution.timeout_seconds)),
        (_due(execution), marks.instant(execution.not_before, millis=True)),
        ("Started", marks.instant(execution.started_at, millis=True)),
        ("Ended", marks.instant(execution.finished_at, millis=True)),
        ("Took", wording.took(execution)),
    ]
    if execution.concurrency_key and actors.may("payloads:read"):  # it is made of the payload
        facts.insert(5, ("Concurrency key", marks.code(execution.concurrency_key)))
    if execution.dedup_key and actors.may("payloads:read"):
        facts.insert(5, ("Deduplication key", marks.code(execution.dedup_key)))
    if execution.schedule_id:
        facts[4:4] = [("Slot", _slot(execution)), ("Schedule", _schedule(execution))]
        facts += _runs_anyway(execution)
    if execution.ended_because:
        facts.append(("Skipped because", marks.shortened(execution.ended_because, LONGEST_REASON)))
    if execution.operation_id:
        facts.append(
            ("Operation", marks.link(pages.page_of(Operation, execution.operation_id), execution.operation_id))
        )
    if execution.workflow_run_id:
        facts.insert(4, ("Step of a workflow run", _step(execution, execution.workflow_run_id)))
    if found := upstreams.children(execution):
        said = (
            f"{found.total}, {found.unfinished} of them not ended" if found.unfinished else f"{found.total}, all ended"
        )
        facts.insert(4, ("Children", marks.link(pages.page_of(WorkflowRun, found.run), said)))
    if told := ChannelMessage.objects.filter(execution_id=execution.pk).order_by("channel"):
        facts.append(("Told", marks.joined([_told(message) for message in told], "; ")))
    if execution.replay_of:
        facts.insert(4, ("Replays", marks.link(pages.page_of(Execution, execution.replay_of), execution.replay_of)))
    return facts


def _step(execution: Execution, run_id: UUID) -> Any:
    """Which step, and of whose run."""
    run = WorkflowRun.objects.select_related("root_job").filter(pk=run_id).only(*_OF_RUN).first()
    if run is None:
        return execution.step or marks.NOTHING
    whose = f"{run.root_job.name} · {marks.instant_text(run.due_at)}"
    return marks.joined([execution.step or "its root", marks.link(pages.page_of(WorkflowRun, run.pk), whose)], " of ")


def _told(message: ChannelMessage) -> str:
    """How far a message to a channel has got."""
    if message.state == ChannelMessage.State.WAITING and not message.tries:
        return f"{message.channel}: at once"
    said = {"waiting": f"tried {message.tries} times", "sent": "sent", "given_up": "given up"}[message.state]
    return f"{message.channel}: {said}" + (f": {message.problem}" if message.problem else "")


def _due(execution: Execution) -> str:
    """What has begun and goes on later is due once more."""
    return "Due again" if execution.started_at and execution.started_at < execution.not_before else "Due"


def _runs_anyway(execution: Execution) -> list[tuple[str, Any]]:
    """Executions of a skipped row's slots, the newest."""
    if execution.state != states.State.SKIPPED:
        return []
    found = selectors.runs_anyway(execution).values_list("pk", flat=True)[:_SHOWN]
    links = [marks.link(pages.page_of(Execution, key), key) for key in found]
    return [("Run anyway as", marks.joined(links, ", "))] if links else []


def _trigger(execution: Execution) -> str:
    return (
        f"{execution.trigger}, by {names.called(execution.triggered_by)}"
        if execution.triggered_by
        else execution.trigger
    )


def _crashes(execution: Execution) -> str:
    return f", {execution.crashes} lost with their worker" if execution.crashes else ""


def _slot(execution: Execution) -> Any:
    if execution.folded_count:
        first, last = marks.instant(execution.scheduled_for), marks.instant(execution.folded_until)
        return marks.joined((f"{execution.folded_count} slots", first, last), " – ")
    return marks.instant(execution.scheduled_for)


def _schedule(execution: Execution) -> Any:
    schedule: Schedule | None = execution.schedule
    return marks.NOTHING if schedule is None else pages.link_to(schedule, marks.code(wording.rule(schedule)))


def _attempts(execution: Execution, now: datetime) -> list[dict[str, Any]]:
    """One row a try, each with how long it waited and ran."""
    return [_attempt(attempt, now) for attempt in selectors.attempts(execution.pk)]


def _attempt(attempt: Attempt, now: datetime) -> dict[str, Any]:
    waited = attempt.started_at - attempt.queued_at if attempt.queued_at else None
    return {"row": attempt, "waited": waited, "took": (attempt.finished_at or now) - attempt.started_at}


def log_tail(execution_id: UUID) -> tuple[list[Mapping[str, Any]], bool]:
    """The last lines in their order, and whether there are earlier ones."""
    lines: list[Mapping[str, Any]] = []
    chunks = ExecutionLog.objects.filter(execution_id=execution_id)
    for chunk in chunks.order_by("-last_seq").iterator(chunk_size=20):
        lines += [_line(chunk, seq, line) for seq, line in reversed(list(enumerate(chunk.lines, chunk.first_seq)))]
        if len(lines) > LINES:
            break
    return lines[:LINES][::-1], len(lines) > LINES


def _line(chunk: ExecutionLog, seq: int, line: Line) -> Mapping[str, Any]:
    at, level, stream, message = line
    return {
        "seq": seq,
        "attempt": chunk.attempt,
        "time": at[11:23],
        "at": at,
        "level": level,
        "stream": stream,
        "message": message,
    }
