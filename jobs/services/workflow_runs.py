"""What people ask of workflow runs: cancel one, have it go on from what failed, run steps again, leave a step out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs import errors, run_actions, selectors, sql
from jobs.engine import dispatch, quotas, transitions, workflows
from jobs.engine import reruns as engine
from jobs.engine.records import NewExecution
from jobs.models import Execution, JobState, TriggerKind, WorkflowRun
from jobs.rules import reruns as rules
from jobs.rules.codes import Absence
from jobs.rules.states import State
from jobs.rules.workflow_runs import TERMINAL, RunState, allowed_actions
from jobs.services import dead_letters, new_executions, reasons
from tenants import actors
from tenants.errors import NotFound
from tenants.services import audit

PERMISSION = "executions:run"
#: Steps that a refusal names.
_NAMED = 5


def cancel(*, run: WorkflowRun) -> WorkflowRun:
    """Nothing more of it starts; what runs is asked to stop. It has ended once that has."""
    with _locked(run) as stored:
        if stored.state in TERMINAL:
            raise _impossible(stored, f"this workflow run has ended already: it is {stored.state}")
        members = [row.id for row in sorted(engine.members(stored).values(), key=lambda row: row.id)]
        transitions.cancel_all(members or ([stored.root_execution_id] if stored.parent_execution_id is None else []))
        if stored.cancel_requested_at is None:
            stored.cancel_requested_at = sql.run("clock")[0].now
            stored.save(update_fields=["cancel_requested_at"])
        _record("cancel_requested", stored, {"cancel_requested": [False, True]})
    return stored


def resume(*, run: WorkflowRun) -> WorkflowRun:
    """Go on from what failed: that and all after it runs again, the rest stays as it is."""
    with _locked(run) as stored:
        _refuse_unless(stored, "resume")
        graph, members = rules.upstreams(stored.graph), engine.members(stored)
        chosen = rules.to_resume(graph, _standing(members)) & set(graph)
        if not chosen:
            raise _impossible(
                stored, "nothing of this workflow run failed or was cancelled, so there is nothing to resume"
            )
        _run_again(stored, chosen, graph, members)
        _record("resumed", stored, {"steps": [None, sorted(chosen)]})
    return stored


def rerun(*, run: WorkflowRun, step: str) -> WorkflowRun:
    """Run a step and all after it again, however they ended."""
    with _locked(run) as stored:
        _refuse_unless(stored, "rerun")
        graph, members = rules.upstreams(stored.graph), engine.members(stored)
        _refuse_unknown(graph, step)
        chosen = rules.with_all_after(graph, [step])
        if not rules.replaced([step], _standing(members)):
            raise _impossible(stored, f"the step {step} has not run yet: it is blocked")
        _run_again(stored, chosen, graph, members)
        _record("rerun", stored, {"step": [None, step], "steps": [None, sorted(chosen)]})
    return stored


def skip(*, run: WorkflowRun, step: str, reason: str) -> WorkflowRun:
    """Leave out a step that waits for others: what comes after it counts it as skipped."""
    with _locked(run) as stored:
        why = reasons.required(reason)
        _refuse_unless(stored, "skip")
        _refuse_unknown(rules.upstreams(stored.graph), step)
        row = engine.members(stored).get(step)
        if row is None or row.state != State.BLOCKED or not _left_out(row.id, why):
            state = "not there yet" if row is None else row.state
            raise _impossible(stored, f"only a blocked step can be left out; {step} is {state}")
        _record("step_skipped", stored, {"step": [None, step]}, reason=why)
    return stored


def _left_out(execution_id: UUID, why: str) -> bool:
    return bool(transitions.skip_all([execution_id], Absence.SKIPPED_BY_HAND, because=why))


def _run_again(
    run: WorkflowRun, chosen: Collection[str], graph: Mapping[str, Collection[str]], members: Mapping[str, Any]
) -> None:
    standing = _standing(members)
    if busy := rules.in_the_way(chosen, standing):
        named = ", ".join(f"{step} ({standing[step][0]})" for step in busy[:_NAMED])
        raise _impossible(run, f"these steps would run again and have not ended: {named}; cancel them or wait")
    before = {each for step in chosen for each in graph[step]}
    if gone := sorted(before - set(members) - set(chosen)):
        raise _impossible(run, f"these steps are no longer kept: {', '.join(gone[:_NAMED])}; rerun from further up")
    replaced = rules.replaced(chosen, standing)
    later = {step for step in chosen if set(graph[step]) & set(chosen)}
    rows = _rows(run, sorted(replaced), members, later)
    quotas.draw(run.tenant, sum(row.state != State.SKIPPED for row in rows.values()))
    former = {step: members[step].id for step in replaced if step in members}
    made = dict(zip(rows, engine.insert(run, rows, upstreams=graph, former=list(former.values())), strict=True))
    dead_letters.close_of({key: made[step] for step, key in former.items()})
    workflows.move(run.pk)  # a step that waits for no end, such as by `always`, would be looked at only at the next one
    run.refresh_from_db(fields=["state", "finished_at"])


def _rows(
    run: WorkflowRun, steps: list[str], members: Mapping[str, Any], later: Collection[str]
) -> dict[str, NewExecution]:
    """What runs in these places: of each job's newest revision, with what the former one was given.

    One of the ``later``, which only come along, is left out if its job is disabled, as at first; another one is refused.
    """
    stored = run.graph["steps"]
    jobs = selectors.jobs().prefetch_related(None).in_bulk([stored[step]["job"] for step in steps])
    known = {str(key): job for key, job in jobs.items()}
    former = Execution.objects.in_bulk([members[step].id for step in steps if step in members])
    now, made = sql.run("clock")[0].now, {}
    for step in steps:
        if (job := known.get(stored[step]["job"])) is None:
            raise _impossible(run, f"the job of the step {step} has been deleted")
        job.tenant = run.tenant
        before = former.get(members[step].id) if step in members else None
        kind = TriggerKind.DEPENDENCY if stored[step]["upstreams"] else TriggerKind.REPLAY
        told: dict[str, Any] = (
            {"overrides": before.payload, "replay_of": before.pk, "event": before.event} if before else {}
        )
        told = {"overrides": None, **told}
        if step in later and job.state == JobState.DISABLED:
            row = new_executions.left_out(job, kind, Absence.DISABLED, now=now, **told)
        else:
            row = new_executions.prepare(job, kind, now=now, **told)
        made[step] = replace(row, scheduled_for=before.scheduled_for if before else None)
    return made


@contextmanager
def _locked(run: WorkflowRun) -> Iterator[WorkflowRun]:
    """As it is stored now, until what is asked of it is done; whoever asks may run executions."""
    actors.require(PERMISSION, tenant=run.tenant_id)
    with transaction.atomic():
        rows = WorkflowRun.objects.select_related("tenant", "root_job").select_for_update(of=("self",), no_key=True)
        yield rows.get(pk=run.pk)
        dispatch.ring_after_commit()


def _standing(members: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {step: (row.state, row.reason) for step, row in members.items()}


def _refuse_unless(run: WorkflowRun, action: str) -> None:
    if action not in allowed_actions(run.state, of_parent=run.parent_execution_id is not None):
        if run.parent_execution_id and run.state != RunState.RUNNING:
            raise _impossible(
                run, f"{action} is not possible: these are children of execution {run.parent_execution_id}; retry that"
            )
        raise _impossible(run, f"{action} is not possible: this workflow run is {run.state}")
    if action != "skip" and run.state == RunState.RUNNING and run.cancel_requested_at is not None:
        raise _impossible(run, "this workflow run is being cancelled: wait until it has ended")


def _refuse_unknown(graph: Collection[str], step: str) -> None:
    if step not in graph:
        raise NotFound.about("step", "this workflow run has no such step")


def _impossible(run: WorkflowRun, message: str) -> errors.InvalidState:
    return errors.InvalidState(message, state=run.state, allowed_actions=run_actions.allowed(run))


def _record(what: str, run: WorkflowRun, changes: Mapping[str, Any], *, reason: str = "") -> None:
    audit.record(
        action=f"workflow_run.{what}", object_type="workflow_run", object_id=run.pk, tenant=run.tenant,
        changes=changes, reason=reason,
    )  # fmt: skip
