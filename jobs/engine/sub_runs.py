"""Makes the children of an execution, asks how they stand, and has those run again that did not succeed.

    handler asks ─► made: a workflow run whose steps they are, ids derived ─► moved by jobs.engine.workflows ─► ended: parent woken
         ▲                                                                                                        │
         └──────────────── the same attempt goes on, and reads how they ended ◄──────────────────────────────────┘
    a later attempt finds them ended ─► what failed, was cancelled or left out for that runs again

Each is one transaction, and finds what was made before by its id; so a crash in between makes it again and meets its own rows.
What a parent leaves behind when it ends otherwise is cancelled by :func:`cancel_orphans`, whichever engine is there to see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import sql
from jobs.engine import dispatch, quotas, reruns, transitions, workflows
from jobs.engine.records import Claim, NewExecution
from jobs.models import Execution, Job, JobState, TriggerKind, WorkflowRun
from jobs.outcomes import HandlerError, PermanentFailure
from jobs.rules import background, concurrency_keys, identity, retry_fields, sub_runs
from jobs.rules import reruns as rules
from jobs.rules.codes import Absence, Failure
from jobs.rules.payload_expressions import InvalidPayload
from jobs.rules.states import State
from jobs.rules.sub_runs import Ended, EndedChild, Plan
from jobs.rules.workflow_runs import RunState
from tenants.models import Tenant

#: Characters of JSON that are read of all results together.
MOST = 64 * 1024
ORPHANS_AT_ONCE = 500
_COLUMNS = (
    "id",
    "name",
    "state",
    "revision",
    "queue_id",
    "priority",
    "timeout_seconds",
    "retry",
    "concurrency_key",
    "payload",
)


def ended(claim: Claim, plan: Plan) -> Ended | None:
    """How the children of this attempt's execution have ended; None until they have. Made or run again if need be."""
    with transaction.atomic():
        run = WorkflowRun.objects.select_for_update(no_key=True).filter(pk=identity.sub_run_id(claim.id)).first()
        if run is None:
            _make(claim, plan)
        elif run.finished_at is None:
            _note_attempt(run, claim)
        elif run.graph["attempt"] < claim.attempt and (run.state != RunState.SUCCEEDED or _falls_short(run)):
            _again(run, claim)
        else:
            return _ended(run)
        dispatch.ring_after_commit()
    return None


def cancel_orphans() -> int:
    """Ask for the cancellation of what is left of executions that have ended. Returns of how many."""
    return len(sql.run("cancel_orphans", limit=ORPHANS_AT_ONCE))


def standing(execution_id: UUID) -> tuple[int, int] | None:
    """How many children of an execution have not ended, and how many there are; None if there are none."""
    run = identity.sub_run_id(execution_id)
    low, high = identity.beside(run)
    found = sql.run("count_children", run=run, low=low, high=high)[0]
    return (found.unfinished, found.total) if found.total else None


def _make(claim: Claim, plan: Plan) -> None:
    parent = Execution.objects.get(pk=claim.id)
    above = _above(parent)
    depth = _depth(above)
    jobs = _jobs(claim.tenant_id, {child.step: child.job for child in plan.children})
    try:
        payloads = sub_runs.payloads(plan)
    except InvalidPayload as error:
        raise PermanentFailure(str(error), code=Failure.PAYLOAD_INVALID) from None
    now = sql.run("clock")[0].now
    run_id = identity.sub_run_id(parent.pk)
    top = above.graph.get("top", str(above.pk)) if above and "depth" in above.graph else str(run_id)
    run = WorkflowRun(
        id=run_id, tenant_id=parent.tenant_id, root_job_id=parent.job_id,
        root_execution_id=parent.pk, parent_execution_id=parent.pk, state=RunState.RUNNING, due_at=now, created_at=now,
        started_at=now, triggered_by=parent.triggered_by,
        graph=sub_runs.graph(
            plan, {step: str(job.pk) for step, job in jobs.items()}, depth=depth, attempt=claim.attempt, top=top),
    )  # fmt: skip
    rows = [_row(run, parent, step, job, payloads.get(step)) for step, job in jobs.items()]
    run.save(force_insert=True)
    _draw_below(top, len(rows))
    _draw(parent.tenant_id, rows)
    transitions.create(rows)
    workflows.move(run.pk)


def _note_attempt(run: WorkflowRun, claim: Claim) -> None:
    """A former attempt was lost or ran out of time, and they go on: this one has them run again only if it fails itself."""
    if run.graph["attempt"] < claim.attempt:
        run.graph = {**run.graph, "attempt": claim.attempt}
        run.save(update_fields=["graph"])


def _falls_short(run: WorkflowRun) -> bool:
    """Whether more of a map's items did not succeed than may, though none failed: their job was disabled."""
    most = run.graph.get("most_failures")
    return most is not None and len(_unfinished(run)) > most


def _unfinished(run: WorkflowRun) -> set[str]:
    return {step for step, row in reruns.members(run).items() if row.state != State.SUCCEEDED}


def _again(run: WorkflowRun, claim: Claim) -> None:
    parent = Execution.objects.get(pk=claim.id)
    members = reruns.members(run)
    graph = rules.upstreams(run.graph)
    standing_ = {step: (row.state, row.reason) for step, row in members.items()}
    chosen = rules.to_resume(graph, standing_) & set(graph)
    if run.graph.get("most_failures") is not None:
        chosen |= _unfinished(run)
    jobs = _jobs(claim.tenant_id, {step: run.graph["steps"][step]["job"] for step in sorted(chosen)})
    former = Execution.objects.in_bulk([members[step].id for step in chosen if step in members])
    rows = {}
    for step, job in jobs.items():
        before = former.get(members[step].id) if step in members else None
        rows[step] = _row(run, parent, step, job, before.payload if before else None)
    _draw(run.tenant_id, list(rows.values()))
    run.graph = {**run.graph, "attempt": claim.attempt}
    run.save(update_fields=["graph"])
    reruns.insert(run, rows, upstreams=graph, former=list(former))
    workflows.move(run.pk)


def _ended(run: WorkflowRun) -> Ended:
    low, high = identity.beside(run.pk)
    rows = sql.run("ended_children", run=run.pk, low=low, high=high, most=MOST)
    return Ended(state=run.state, children=[EndedChild(**row._asdict()) for row in rows])


def _above(parent: Execution) -> WorkflowRun | None:
    """The run that the execution is of itself."""
    return WorkflowRun.objects.filter(pk=parent.workflow_run_id).first() if parent.workflow_run_id else None


def _draw_below(top: str, wanted: int) -> None:
    """Room under the first of those within each other; kept by who comes first, in the order of their commits."""
    if not sql.run("draw_below", top=top, wanted=wanted, most=sub_runs.MOST_BELOW):
        message = (
            f"more than {sub_runs.MOST_BELOW} executions would be made below one: have it run fewer, or start the inner "
            "ones on their own"
        )
        raise PermanentFailure(message, code=Failure.RESOURCE_LIMIT)


def _depth(above: WorkflowRun | None) -> int:
    depth = 1 + (above.graph.get("depth", 0) if above else 0)
    if depth > sub_runs.MOST_DEEP:
        message = (
            f"it is the {depth}th execution that runs others within each other, and at most {sub_runs.MOST_DEEP} may be"
        )
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
    return int(depth)


def _jobs(tenant_id: UUID, named: Mapping[str, str]) -> dict[str, Job]:
    """The job of each step, by name or id, of this tenant alone; refuses steps whose job is not there."""
    names = set(named.values())
    there = Job.objects.filter(tenant=tenant_id).exclude(state=JobState.DELETED).only(*_COLUMNS, "tenant_id")
    by_name = {job.name: job for job in there.filter(name__in=names)}
    by_id = {str(job.pk): job for job in there.filter(pk__in=[name for name in names if _is_id(name)])}
    found: dict[str, Job] = {}
    for step, name in named.items():
        job = by_name.get(name) or by_id.get(name.lower())
        if job is None:
            message = f"{step}: there is no job {name!r} in this tenant: make it, or correct the name"
            raise PermanentFailure(message, code=Failure.CONFIG_INVALID)
        found[step] = job
    return found


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _draw(tenant_id: UUID, rows: list[NewExecution]) -> None:
    """Room for all of them: half of them might do what the others were to finish."""
    wanted = sum(row.state != State.SKIPPED for row in rows)
    if wanted and quotas.draw_up_to(Tenant.objects.get(pk=tenant_id), wanted) < wanted:
        message = f"the tenant's quota of unfinished executions has no room for {wanted} more"
        raise HandlerError(message, code=Failure.RESOURCE_LIMIT, tags={"quota"})


def _row(run: WorkflowRun, parent: Execution, step: str, job: Job, payload: Mapping[str, Any] | None) -> NewExecution:
    is_disabled = job.state == JobState.DISABLED
    is_behind = background.is_behind(parent.priority)
    return NewExecution(
        id=identity.step_id(run.pk, step, 0),
        tenant_id=run.tenant_id,
        job_id=job.pk,
        revision=job.revision,
        trigger=TriggerKind.DEPENDENCY,
        triggered_by=parent.triggered_by,
        state=State.SKIPPED if is_disabled else State.BLOCKED,
        reason=Absence.DISABLED if is_disabled else "",
        scheduled_for=parent.scheduled_for,
        not_before=run.due_at,
        queue_id=str(job.queue_id),
        priority=background.behind(job.priority) if is_behind else job.priority,
        timeout_seconds=job.timeout_seconds,
        max_attempts=retry_fields.parse(job.retry).max_attempts,
        payload=payload or None,
        concurrency_key=concurrency_keys.render(job.concurrency_key, {**job.payload, **(payload or {})}),
        operation_id=parent.operation_id,
        workflow_run_id=run.pk,
        step=step,
        with_downstream=False,
    )
