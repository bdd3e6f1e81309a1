"""Moves workflow runs on: plans them when their root is due, and lets their steps go as those before them end.

    made with its root ─► planned ──root due──► running: graph stored, one blocked execution a step
                                                   │ ▲
                    something ended, untold ───────┘ └─ judged: start, skip or reject; told
                                                   └── nothing left that has not ended ─► succeeded, failed, cancelled

Level-triggered: what there is to do is read from rows (jobs/sql/workflows.sql, ``runs_to_move``), never from a message. A
member of a run that has ended stays untold until the transaction that has drawn all conclusions from it commits, so a crash
at any point loses nothing and repeats nothing: whoever comes next finds the same rows. One transaction moves one run, under
that run's lock, so of two engines one does it. A ring at a member's end only makes it soon.

All steps of a run are read with one statement and judged in memory (jobs.rules.workflow_graphs) instead of counted child by
child in SQL: the table of trigger rules is then stated once, and skips go down a graph of any depth in one pass.

Whoever changes a run otherwise (cancels it, reruns a step) locks it first and calls :func:`move` in the same transaction.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.db import InterfaceError, OperationalError, transaction

from jobs import sql
from jobs.engine import run_steps, sub_steps, suspensions, transitions, upstreams, workflow_plans
from jobs.engine.run_steps import Steps
from jobs.models import Execution, WorkflowRun
from jobs.rules import identity, workflow_graphs
from jobs.rules.states import TERMINAL, State
from jobs.rules.workflow_graphs import Decision, Graph
from jobs.rules.workflow_runs import RunState

#: Runs looked up at once, and untold executions.
PAGE, UNTOLD = 200, 2000
#: Seconds after which admission has its turn again.
LONGEST = 0.1
#: Before a root is looked at again that is due and has not ripened, and one that may wait for long.
SOON, LATER = timedelta(milliseconds=20), timedelta(seconds=5)
CIRCLE = "its upstreams wait for each other, or are gone: look at its dependencies"

log = structlog.get_logger(__name__)


def move_on() -> bool:
    """Move the runs in which there is something to do. Returns whether something may start now, or is left to do."""
    until = monotonic() + LONGEST
    found = sql.run("runs_to_move", limit=PAGE, most=UNTOLD)
    started = False
    # In any order: a few large ones, whose members end all the time, would take each round's time before the others' turn.
    for row in random.sample(found, len(found)):
        started |= _move_safely(row.id)
        if monotonic() > until:
            return True
    return started or len(found) == PAGE


def move(run_id: UUID) -> bool:
    """Draw all conclusions from how a run stands, in the open transaction; one that somebody holds is left to them.

    Returns whether something was let go.
    """
    run = WorkflowRun.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=run_id).first()
    if run is None:
        if not WorkflowRun.objects.filter(pk=run_id).exists():  # it has been pruned
            _tell(run_steps.of(run_id).ended)
        return False
    if run.state == RunState.PLANNED and not _begin(run):
        return False
    return _advance(run)


def cancel(run: WorkflowRun) -> None:
    """Cancel what of a run has not ended; nothing more of it is let go. The caller holds its lock, and rings."""
    if run.finished_at is None and run.cancel_requested_at is None:
        run.cancel_requested_at = _now()
        run.save(update_fields=["cancel_requested_at"])
    move(run.pk)


def _move_safely(run_id: UUID) -> bool:
    try:
        with transaction.atomic():
            sql.run("wait_briefly")
            return move(run_id)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
            return False  # somebody holds something of it: the next round looks again
        raise
    except InterfaceError:
        raise  # the database's trouble, not the run's: the next round tries again
    except Exception as error:
        # Whatever one run holds must not hold up the others.
        log.exception("workflow_run.cannot_be_moved", workflow_run=str(run_id))
        _bury_safely(run_id, error)
        return False


def _bury_safely(run_id: UUID, error: Exception) -> None:
    try:
        with transaction.atomic():
            _bury(run_id, error)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("workflow_run.cannot_be_ended", workflow_run=str(run_id))


def _bury(run_id: UUID, error: Exception) -> None:
    run = WorkflowRun.objects.select_for_update(no_key=True).get(pk=run_id)
    if run.finished_at is None:
        blocked = Execution.objects.filter(workflow_run_id=run_id, state=State.BLOCKED).order_by("pk")
        for pk in blocked.values_list("pk", flat=True):
            transitions.reject(pk, f"its workflow run cannot go on: {error}"[:500])
        _end(run, RunState.FAILED)
    _tell(run_steps.of(run_id).ended)


def _begin(run: WorkflowRun) -> bool:
    """Plan it, if its root is about to run. Returns whether it is running now."""
    root = Execution.objects.filter(pk=run.root_execution_id).first()
    if root is None or run.cancel_requested_at or workflow_graphs.never_began(root.state, root.reason, root.epoch > 0):
        return _end_before_it_began(run, root)
    parked = root.state == State.BLOCKED or (root.state == State.PENDING and root.waiting_on.startswith("op:"))
    if root.epoch == 0 and (root.state == State.SCHEDULED or parked):
        # Moved to a later instant, or not looked at yet by those who may skip it; or it waits at a gate or for an operation's
        # pace, and its steps would take up the tenant's room meanwhile.
        run.due_at = max(root.not_before, _now() + (LATER if parked else SOON))
        run.save(update_fields=["due_at"])
        return False
    _plan(run, root)
    return True


def _end_before_it_began(run: WorkflowRun, root: Execution | None) -> bool:
    if root is not None and root.state not in TERMINAL:
        _cancel_rest(run.pk)
        root.refresh_from_db(fields=["state"])
        if root.state not in TERMINAL:  # it runs, and has been asked to stop
            run.due_at = _now() + LATER
            run.save(update_fields=["due_at"])
            return False
    is_cancelled = run.cancel_requested_at is not None or (root is not None and root.state == State.CANCELLED)
    _end(run, RunState.CANCELLED if is_cancelled else RunState.SKIPPED)
    if root is not None:
        _tell([root.pk])
    return False


def _plan(run: WorkflowRun, root: Execution) -> None:
    now = _now()
    jobs = workflow_plans.read(run.root_job_id)
    run.graph, run.state, run.started_at = workflow_plans.snapshot(jobs), RunState.RUNNING, now
    run.save(update_fields=["graph", "state", "started_at"])
    sql.run("tell_of_run", run=run.pk, word="started")
    name = next(job.name for job in jobs if job.id == run.root_job_id)
    if root.step != name:
        sql.run("name_step", id=root.pk, step=name)
    transitions.create(workflow_plans.steps(run, root, jobs, now=now))


def _advance(run: WorkflowRun) -> bool:
    steps = run_steps.of(run.pk)
    if run.finished_at is not None:
        _tell(steps.ended)
        return False
    graph = workflow_graphs.parse(run.graph)
    state, started = _conclude(run, graph, steps)
    if not steps.unfinished:
        _end(run, state or workflow_graphs.ending(graph, steps.states, cancelled=run.cancel_requested_at is not None))
    _tell(steps.ended)
    return started


def _conclude(run: WorkflowRun, graph: Graph, steps: Steps) -> tuple[RunState | None, bool]:
    """Do what follows. Returns the state it is to end in, if that is not its leaves', and whether something was let go."""
    if run.cancel_requested_at is not None:
        steps.note(steps.unfinished, _cancel_rest(run.pk), State.CANCELLED)
        return RunState.CANCELLED, False
    root = None if run.parent_execution_id else steps.executions.get(graph.root or "")
    if root is not None and workflow_graphs.never_began(root.state, root.reason, root.began):
        return _follow_root(root, steps), False
    started = False
    while decisions := _decisions(run, graph, steps):
        started |= _carry_out(decisions, steps)
        if not set(steps.blocked).isdisjoint(decision.step for decision in decisions):
            return None, started  # somebody else was there first: it is found untold
    stuck = [step for step in steps.blocked if graph.upstreams.get(step)]
    if not started and stuck and len(stuck) == len(steps.unfinished):
        _carry_out([Decision(step, problem=CIRCLE) for step in stuck], steps)
        return RunState.FAILED, False
    return None, started


def _decisions(run: WorkflowRun, graph: Graph, steps: Steps) -> Sequence[Decision]:
    found = workflow_graphs.decide(
        graph, steps.outcomes, steps.blocked, lambda step: upstreams.judged(graph, step, steps.executions[step].id)
    )
    if run.parent_execution_id is None:
        return found
    found = workflow_graphs.of_children(graph, found, steps.states, steps.blocked)
    return [sub_steps.filled(graph, each, steps.executions[each.step].id) for each in found]


def _follow_root(root: Any, steps: Steps) -> RunState:
    """The root has ended before it began, so the others do not begin either."""
    blocked = steps.blocked
    if root.state == State.SKIPPED:
        steps.note(blocked, transitions.skip_all(steps.ids(blocked), root.reason), State.SKIPPED, root.reason)
        return RunState.SKIPPED
    steps.note(blocked, transitions.cancel_all(sorted(steps.ids(blocked))), State.CANCELLED)
    return RunState.CANCELLED


def _carry_out(decisions: Sequence[Decision], steps: Steps) -> bool:
    starting = [decision.step for decision in decisions if decision.starts]
    steps.note(starting, transitions.unblock_all(steps.ids(starting)), State.SCHEDULED)
    for reason in sorted({decision.reason for decision in decisions if decision.reason}):
        skipped = [decision.step for decision in decisions if decision.reason == reason]
        steps.note(skipped, transitions.skip_all(steps.ids(skipped), reason), State.SKIPPED, reason)
    for decision in decisions:
        if decision.problem:
            (execution,) = steps.ids([decision.step])
            if transitions.reject(execution, decision.problem):
                steps.note([decision.step], {execution}, State.FAILED)
    return bool(starting)


def _cancel_rest(run_id: UUID) -> set[UUID]:
    """Ask all that have not ended to end. Returns those that have."""
    low, high = identity.beside(run_id)
    waiting = [row.id for row in sql.run("lock_waiting_steps", run=run_id, low=low, high=high)]
    transitions.cancel_all(waiting)
    return set(Execution.objects.filter(pk__in=waiting, state=State.CANCELLED).values_list("pk", flat=True))


def _tell(ended: Iterable[UUID]) -> None:
    if ids := list(ended):
        sql.run("tell", ids=ids)


def _end(run: WorkflowRun, state: RunState) -> None:
    run.state, run.finished_at = state, _now()
    run.save(update_fields=["state", "finished_at"])
    if run.parent_execution_id is not None:
        suspensions.wake([run.parent_execution_id])
    sql.run("tell_of_run", run=run.pk, word=str(state))
    log.info("workflow_run.ended", workflow_run=str(run.pk), state=str(state))


def _now() -> datetime:
    now: datetime = sql.run("clock")[0].now
    return now
