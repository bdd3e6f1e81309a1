"""The steps of a workflow run, from the dependencies as they stand when its root is due.

Each step is an execution like any other, of its job's newest revision and with its job's payload, but blocked. It goes behind
live work and keeps to an operation's pace if its root does. A disabled job's step is skipped. A tenant whose quota of
unfinished executions has no room for all of them gets none: each is skipped with QUOTA, the root runs alone, and the run
fails. Half a graph would be worse: it may do things that what is left out was to finish.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.engine import quotas
from jobs.engine.records import NewExecution
from jobs.models import Execution, JobState, TriggerKind, WorkflowRun
from jobs.rules import background, concurrency_keys, identity, retry_fields
from jobs.rules.codes import Absence
from jobs.rules.states import State
from tenants.models import Tenant


def read(root_job_id: UUID) -> list[Any]:
    """The jobs in a root's reach with their edges, the root among them: one look, so all at the same instant."""
    return sql.run("read_graph", root=root_job_id)


def snapshot(jobs: Sequence[Any]) -> dict[str, Any]:
    """As it is stored with the run; see jobs.rules.workflow_graphs."""
    names = {str(job.id): job.name for job in jobs}
    return {
        "steps": {
            job.name: {
                "job": str(job.id),
                "upstreams": [
                    {"step": names[edge["upstream"]], "rule": edge["rule"], "condition": edge["condition"]}
                    for edge in job.upstreams
                ],
            }
            for job in jobs
        }
    }


def steps(run: WorkflowRun, root: Execution, jobs: Sequence[Any], *, now: Any) -> list[NewExecution]:
    """A row for each job but the root's; draws the room for them."""
    others = [job for job in jobs if job.id != run.root_job_id]
    wanted = sum(job.state != JobState.DISABLED for job in others)
    room = not wanted or quotas.draw_up_to(Tenant.objects.get(pk=run.tenant_id), wanted) == wanted
    return [_step(run, root, job, now, "" if room else Absence.QUOTA) for job in others]


def _step(run: WorkflowRun, root: Execution, job: Any, now: Any, left_out: str) -> NewExecution:
    reason = Absence.DISABLED if job.state == JobState.DISABLED else left_out
    is_behind = background.is_behind(root.priority)
    return NewExecution(
        id=identity.step_id(run.pk, job.name, 0),
        tenant_id=run.tenant_id,
        job_id=job.id,
        revision=job.revision,
        trigger=TriggerKind.DEPENDENCY,
        triggered_by=root.triggered_by,
        state=State.SKIPPED if reason else State.BLOCKED,
        reason=reason,
        scheduled_for=root.scheduled_for,
        not_before=now,
        queue_id=job.queue_id,
        priority=background.behind(job.priority) if is_behind else job.priority,
        timeout_seconds=job.timeout_seconds,
        max_attempts=retry_fields.parse(job.retry).max_attempts,
        concurrency_key=concurrency_keys.render(job.concurrency_key, job.payload or {}),
        operation_id=root.operation_id,
        workflow_run_id=run.pk,
        step=job.name,
    )
