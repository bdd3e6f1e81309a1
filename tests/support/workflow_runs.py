"""Workflow runs by hand: a run, its graph, and an execution for each step in any state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from jobs.rules import identity
from jobs.rules.states import TERMINAL
from tests.support import rows


def graph(jobs: Mapping[str, Any], upstreams: Mapping[str, Sequence[str]], rule: str = "all_success") -> dict[str, Any]:
    """As the engine takes it down."""
    steps = {
        name: {
            "job": str(job[0]),
            "upstreams": [{"step": each, "rule": rule, "condition": ""} for each in upstreams.get(name, ())],
        }
        for name, job in jobs.items()
    }
    return {"steps": steps}


def make(
    tenant: UUID,
    upstreams: Mapping[str, Sequence[str]],
    states: Mapping[str, str],
    *,
    run: UUID | None = None,
    **columns: Any,
) -> tuple[UUID, dict[str, UUID]]:
    """A run of such steps in such states, a job each; a skipped one for want of what came before. (id, executions)."""
    jobs = {name: rows.job(tenant) for name in upstreams}
    root = next(name for name, before in upstreams.items() if not before)
    run = run or identity.request_id(rows.now())
    ended = all(state in TERMINAL for state in states.values())
    state = ("failed" if set(states.values()) - {"succeeded"} else "succeeded") if ended else "running"
    made = {name: _step(run, name, jobs[name], states[name], is_root=name == root) for name in upstreams}
    defaults: dict[str, Any] = {
        "id": run, "tenant_id": tenant, "root_job_id": jobs[root][0], "root_execution_id": made[root], "state": state,
        "graph": graph(jobs, upstreams), "due_at": rows.now(), "reruns": 0, "triggered_by": "", "created_at": rows.now(),
        "started_at": rows.now(), "finished_at": rows.now() if ended else None,
    }  # fmt: skip
    rows.insert("workflow_run", **(defaults | columns))
    return run, made


def chain(tenant: UUID, **states: str) -> tuple[UUID, dict[str, UUID]]:
    """A run of steps one after another; two, of which the first runs, if none are given."""
    given = states or {"extract": "running", "load": "blocked"}
    names = list(given)
    return make(tenant, {name: names[:place][-1:] for place, name in enumerate(names)}, given)


def _step(run: UUID, name: str, job: Any, state: str, *, is_root: bool) -> UUID:
    reason = {"reason": "DEPENDENCY_FAILED"} if state == "skipped" else {}
    trigger = "manual" if is_root else "dependency"
    return rows.execution(
        job,
        state,
        id=identity.step_id(run, name, 0),
        workflow_run_id=run,
        step=name,
        trigger=trigger,
        is_told=state in TERMINAL,
        **reason,
    )


def members(run: UUID) -> dict[str, tuple[str, str]]:
    """(state, reason) of what stands for each step."""
    found = rows.fetch("SELECT step, state, reason FROM execution WHERE workflow_run_id = %s AND NOT superseded", run)
    return {step: (state, reason) for step, state, reason in found}
