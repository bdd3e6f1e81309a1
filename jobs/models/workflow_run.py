"""One propagation through the graph of dependencies: what was to run, and how far it has come."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from jobs.models.job import Job
from jobs.rules.workflow_runs import TERMINAL, RunState
from tenants.models.owned import TenantOwned


class WorkflowRun(TenantOwned):
    """Made with its root's execution. ``graph`` is a snapshot of the edges, taken when the root is due; its steps are
    executions that name the run. Its states are written by jobs.engine.workflows, and by jobs.engine.reruns when
    it goes on."""

    root_job = models.ForeignKey(
        Job, on_delete=models.PROTECT, related_name="workflow_runs", db_constraint=False, db_index=False
    )
    root_execution_id = models.UUIDField()
    parent_execution_id = models.UUIDField(
        null=True, help_text="Whose own children its steps are; then that is its root as well, and no step of it."
    )
    state = models.CharField(max_length=16, default=RunState.PLANNED, choices=[(s.value, s.value) for s in RunState])
    graph = models.JSONField(default=dict)
    due_at = models.DateTimeField(help_text="When its root is due, and its graph is looked up.")
    reruns = models.PositiveIntegerField(default=0)
    triggered_by = models.CharField(max_length=254, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "workflow_run"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in RunState]), name="workflow_run_state_known"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, state__in=sorted(set(RunState) - TERMINAL))
                | Q(finished_at__isnull=False, state__in=sorted(TERMINAL)),
                name="workflow_run_ended_iff_terminal",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="workflow_run_recent"),
            models.Index(fields=["tenant", "root_job", "-id"], name="workflow_run_by_job"),
            models.Index(fields=["tenant", "state", "-id"], name="workflow_run_by_state"),
            models.Index(fields=["due_at"], condition=Q(state="planned"), name="workflow_run_to_plan"),
            models.Index(
                fields=["id"],
                condition=Q(cancel_requested_at__isnull=False, finished_at__isnull=True),
                name="workflow_run_cancelling",
            ),
            models.Index(
                fields=["parent_execution_id"],
                condition=Q(parent_execution_id__isnull=False, finished_at__isnull=True),
                name="workflow_run_of_parent",
            ),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="workflow_run_ended"),
        ]
