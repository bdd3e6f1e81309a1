"""Dependencies and their graph as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs.models import Dependency, DependencyMode, JobState
from jobs.rules.states import State
from jobs.rules.trigger_rules import Rule
from tenants.api.dry_runs import DryRunShape
from tenants.api.fields import Instant, Number, Patch, StrictSerializer

MOST_AT_ONCE = 100
RULES = [rule.value for rule in Rule]


class DependencyChanges(Patch):
    """How a downstream waits for its upstream; null is the default."""

    example = {"trigger_rule": "all_done"}

    mode = serializers.ChoiceField(
        DependencyMode.choices,
        required=False,
        help_text="start: it runs when its upstreams end in the same workflow run; gate: slots of its own schedules wait.",
    )
    trigger_rule = serializers.ChoiceField(
        RULES, required=False, help_text="Which ends of its upstreams let it start; those with the same rule together."
    )
    condition = serializers.CharField(
        max_length=1000,
        required=False,
        allow_blank=True,
        help_text="Such as upstream.extract.result.rows > 0; where it is false, the downstream is skipped.",
    )
    gate_timeout_seconds = Number(
        min_value=1, max_value=30 * 86_400, required=False, help_text="How long a slot waits at a gate, at most."
    )


class DependencyInput(DependencyChanges):
    """An edge to be."""

    example = {"upstream": "extract", "downstream": "report"}

    upstream = serializers.CharField(max_length=200, help_text="Id or name of the job that comes before.")
    downstream = serializers.CharField(max_length=200, help_text="Id or name of the job that comes after it.")


class DependenciesInput(StrictSerializer):
    """Edges to try, one after the other."""

    example = {"dependencies": [{"upstream": "extract", "downstream": "report"}]}

    dependencies = serializers.ListField(child=DependencyInput(), min_length=1, max_length=MOST_AT_ONCE)


class DependsOnInput(DependencyChanges):
    """An edge from a job that comes before this one."""

    example = {"job": "extract"}

    job = serializers.CharField(max_length=200, help_text="Id or name of the job that comes before.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "job" not in attrs:  # a merge patch around it leaves out what it likes, but not here
            raise serializers.ValidationError({"job": ["This field is required."]})
        return attrs


class DependsOnShape(serializers.Serializer[Any]):
    """What a job waits for, as a declaration says it."""

    job = serializers.CharField(help_text="Its name.")
    mode = serializers.ChoiceField(DependencyMode.choices)
    trigger_rule = serializers.ChoiceField(RULES)
    condition = serializers.CharField()
    gate_timeout_seconds = serializers.FloatField()


class EndShape(serializers.Serializer[Any]):
    """A job at one end of an edge."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class DependencyShape(serializers.Serializer[Dependency]):
    """An edge."""

    id = serializers.UUIDField()
    upstream = EndShape()
    downstream = EndShape()
    mode = serializers.ChoiceField(DependencyMode.choices)
    trigger_rule = serializers.ChoiceField(RULES)
    condition = serializers.CharField()
    gate_timeout_seconds = serializers.FloatField()
    created_at = Instant()
    updated_at = Instant()


class DependencyDryRunShape(DryRunShape):
    """What a request would make of an edge."""

    dependency = DependencyShape(allow_null=True)


class LastRunShape(serializers.Serializer[Any]):
    """The newest execution of a job."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField([state.value for state in State])


class NodeShape(serializers.Serializer[Any]):
    """A job of the graph."""

    id = serializers.UUIDField(source="job.id")
    name = serializers.CharField(source="job.name")
    type = serializers.CharField(source="job.type")
    state = serializers.ChoiceField(JobState.choices, source="job.state")
    layer = serializers.IntegerField(help_text="0 for a job without upstreams; else one more than its last upstream's.")
    last_execution = LastRunShape(
        allow_null=True, source="last_run", help_text="Null without the scope executions:read."
    )


class EdgeShape(serializers.Serializer[Any]):
    """An edge of the graph, its ends by id."""

    id = serializers.UUIDField()
    upstream = serializers.UUIDField(source="upstream_id")
    downstream = serializers.UUIDField(source="downstream_id")
    mode = serializers.ChoiceField(DependencyMode.choices)
    trigger_rule = serializers.ChoiceField(RULES)
    condition = serializers.CharField()


class GraphShape(serializers.Serializer[Any]):
    """What comes before what."""

    nodes = NodeShape(many=True)
    edges = EdgeShape(many=True)
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What will not work as it stands.")


class ProblemShape(serializers.Serializer[Any]):
    """What creating the edges would be refused for."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


class ValidationShape(serializers.Serializer[Any]):
    """What would become of edges."""

    valid = serializers.BooleanField()
    problem = ProblemShape(allow_null=True)
    graph = GraphShape(allow_null=True, help_text="Of the jobs they join and all that hang together with them.")
