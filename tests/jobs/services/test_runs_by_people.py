"""Workflow runs that people begin and cancel, with the rights of the app."""

from __future__ import annotations

from jobs import selectors
from jobs.engine import workflows
from jobs.models import Dependency, Execution, WorkflowRun
from jobs.services import executions, jobs


def test_what_somebody_runs_by_hand_begins_a_run_and_a_replay_does_not(tenant):
    root, after = (
        jobs.create(tenant=tenant, fields={"name": name, "type": "dummy", "payload": {"fail_rate": 0}}) for name in "ab"
    )
    Dependency.objects.create(tenant=tenant, upstream=root, downstream=after)
    execution = executions.trigger(job=root)
    run = WorkflowRun.objects.get()
    assert (run.root_execution_id, run.root_job_id, run.triggered_by) == (execution.pk, root.pk, execution.triggered_by)
    assert executions.trigger(job=after).workflow_run_id is None
    workflows.cancel(WorkflowRun.objects.select_for_update().get(pk=run.pk))
    run.refresh_from_db()
    assert (run.state, Execution.objects.get(pk=execution.pk).state) == ("cancelled", "cancelled")
    executions.replay(execution=selectors.executions().get(pk=execution.pk))
    assert WorkflowRun.objects.count() == 1
