"""Workflow runs and their graphs as JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from jobs import run_actions
from jobs.api.shapes.executions import STATES, JobReference
from jobs.models import WorkflowRun
from jobs.rules.workflow_runs import RunState
from jobs.run_graphs import Edge, Graph, Member, Step
from tenants.api.fields import Instant, StrictSerializer

RUN_STATES = [state.value for state in RunState]


class RerunInput(StrictSerializer):
    """From where on."""

    example: ClassVar[dict[str, Any]] = {"step": "transform"}

    step = serializers.CharField(max_length=200, help_text="Runs again, and all after it.")


class WorkflowRunShape(serializers.Serializer[WorkflowRun]):
    """One propagation through the graph of dependencies."""

    id = serializers.UUIDField()
    job = JobReference(source="root_job", help_text="Of its root, which starts all the others.")
    root_execution = serializers.UUIDField(source="root_execution_id")
    parent_execution = serializers.UUIDField(
        source="parent_execution_id",
        allow_null=True,
        help_text="Whose own children its steps are: of a job of type workflow or map.",
    )
    state = serializers.ChoiceField(RUN_STATES)
    due_at = Instant(help_text="When its root is due, and its graph is taken down.")
    reruns = serializers.IntegerField(help_text="How often it was resumed, or steps of it were run again.")
    triggered_by = serializers.CharField()
    cancel_requested_at = Instant(allow_null=True)
    created_at = Instant()
    started_at = Instant(allow_null=True)
    finished_at = Instant(allow_null=True)
    allowed_actions = serializers.SerializerMethodField()

    def get_allowed_actions(self, run: WorkflowRun) -> list[str]:
        return list(run_actions.allowed(run))


class StepExecutionShape(serializers.Serializer[Member]):
    """An execution of a step."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(STATES)
    reason = serializers.CharField(help_text="Why it was skipped.")
    error_code = serializers.CharField()
    attempt = serializers.IntegerField()
    max_attempts = serializers.IntegerField()
    started_at = Instant(allow_null=True)
    finished_at = Instant(allow_null=True)


class StepShape(serializers.Serializer[Step]):
    """A job in the run."""

    name = serializers.CharField()
    job = serializers.UUIDField()
    execution = StepExecutionShape(allow_null=True, help_text="That stands for it now; null until there is one.")
    history = StepExecutionShape(many=True, help_text="Whose place later ones have taken, the newest first.")


class RunEdgeShape(serializers.Serializer[Edge]):
    """That a step comes after another."""

    upstream = serializers.CharField()
    downstream = serializers.CharField()
    trigger_rule = serializers.CharField(source="rule")
    condition = serializers.CharField()


class RunGraphShape(serializers.Serializer[Graph]):
    """All of a run: each step after those before it."""

    steps = StepShape(many=True)
    edges = RunEdgeShape(many=True)
