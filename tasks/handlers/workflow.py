"""The ``workflow`` job type: jobs and the edges between them, run as one execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, field_validator

from jobs.handlers import Allowance, Context, Handler, Json, Params
from jobs.rules import conditions, graphs, sub_runs
from jobs.rules.conditions import InvalidCondition
from jobs.rules.payload_expressions import path
from jobs.rules.states import State
from jobs.rules.sub_runs import Child, Ended, Plan
from jobs.rules.trigger_rules import Rule
from jobs.rules.workflow_runs import RunState
from jobs.written_forms import written
from tasks import children

MOST_STEPS = 200
#: It stands in paths, and in expressions as ``upstream.<name>`` or ``upstream['<name>']``.
_NAME = written(
    r"^\w[\w .-]{0,99}$",
    "a name of letters, digits, spaces and _ . -, 100 at most, the first a letter or digit",
)
StepName = Annotated[str, StringConstraints(pattern=_NAME)]
_DATA = "it is stored with the executions of the steps: let the step's own job insert it"


class Upstream(Params):
    step: str = Field(min_length=1, max_length=200)
    rule: Rule = Rule.ALL_SUCCESS
    condition: str = Field(default="", description="Over `upstream`: see dependencies.")

    @field_validator("condition")
    @classmethod
    def _readable(cls, condition: str) -> str:
        try:
            _ = condition and conditions.parse(condition)
        except InvalidCondition as error:
            raise ValueError(str(error)) from None
        return condition


class Step(Params):
    job: str = Field(min_length=1, max_length=200, description="Of this tenant, by name or id.")
    payload: dict[str, Json] = Field(
        default={}, description="Overrides of the job's, with expressions over `parameters` and `upstream`."
    )
    upstreams: list[Upstream] = Field(default=[], max_length=50, description="Steps that it comes after.")

    @field_validator("payload")
    @classmethod
    def _readable(cls, payload: dict[str, Json]) -> dict[str, Json]:
        for place, message in sub_runs.problems(payload, frozenset({"parameters", "upstream"})):
            raise ValueError(f"{path(place)}: {message}")
        return payload


class WorkflowParams(Params):
    steps: dict[StepName, Step] = Field(min_length=1, max_length=MOST_STEPS, description="By name.")
    parameters: dict[str, Json] = Field(default={}, description="What the payloads of its steps may read.")

    @field_validator("steps")
    @classmethod
    def _joined(cls, steps: dict[str, Step]) -> dict[str, Step]:
        edges = [(edge.step, name) for name, step in steps.items() for edge in step.upstreams]
        for upstream, name in edges:
            if upstream not in steps:
                raise ValueError(f"{name}: there is no step {upstream!r} that it could come after")
        if circle := _circle(edges):
            raise ValueError(f"its steps come round to where they began: {' → '.join(circle)}")
        return steps


def _circle(edges: list[tuple[str, str]]) -> list[str] | None:
    graph = graphs.following(edges)
    return next((found for edge in edges if (found := graphs.circle(graph, edge))), None)


class Workflow(Handler[WorkflowParams]):
    job_type = "workflow"
    title = "Workflow"
    description = "Runs other jobs, each after those it depends on, as one execution with its own parameters."
    params = WorkflowParams
    threaded = True
    inputs = frozenset({"parameters"})
    templated = frozenset({"steps"})
    without_secrets: ClassVar[dict[str, str]] = {"parameters": _DATA}
    example: ClassVar[dict[str, Json]] = {
        "parameters": {"day": "2026-01-31"},
        "steps": {
            "extract": {"job": "extract orders", "payload": {"result": "{{ parameters.day }}"}},
            "load": {
                "job": "load orders",
                "payload": {"result": "{{ upstream.extract.result }}"},
                "upstreams": [{"step": "extract"}],
            },
        },
    }

    def named_jobs(self, payload: Mapping[str, Json]) -> Mapping[str, str]:
        """Those of its steps."""
        steps = payload.get("steps")
        found = steps.items() if isinstance(steps, dict) else ()
        return {f"steps.{name}.job": step["job"] for name, step in found if _names_a_job(step)}

    def given(self, payload: Mapping[str, Json]) -> Mapping[str, tuple[str, Mapping[str, Json]]]:
        """What each step is."""
        steps = payload.get("steps")
        found = steps.items() if isinstance(steps, dict) else ()
        return {
            f"steps.{name}.payload": (step["job"], step["payload"])
            for name, step in found
            if _names_a_job(step) and isinstance(step.get("payload"), dict)
        }

    def refusals(self, params: WorkflowParams, tenant: Allowance) -> Mapping[str, Sequence[str]]:  # noqa: ARG002 - of any
        """Steps that read a parameter which is not among those given. Who gives none says them when it is run."""
        if not params.parameters:
            return {}
        there = ", ".join(sorted(params.parameters))
        found = {
            name: sorted(sub_runs.parameters(step.payload) - params.parameters.keys())
            for name, step in params.steps.items()
        }
        return {
            f"steps.{name}.payload": [f"there is no parameter {missing[0]!r}, only {there}"]
            for name, missing in found.items()
            if missing
        }

    def run(self, params: WorkflowParams, context: Context) -> Json:
        ended = context.children(Plan(children=_children(params), parameters=params.parameters))
        told = _told(ended)
        children.refuse_cancelled(ended, told)
        if ended.state != RunState.SUCCEEDED:
            raise children.failure(ended, "steps", told)
        return told


def _names_a_job(step: Any) -> bool:
    return isinstance(step, dict) and isinstance(step.get("job"), str)


def _children(params: WorkflowParams) -> list[Child]:
    return [
        Child(
            step=name,
            job=step.job,
            payload=step.payload,
            upstreams=[
                {"step": edge.step, "rule": str(edge.rule), "condition": edge.condition} for edge in step.upstreams
            ],
        )
        for name, step in params.steps.items()
    ]


def _told(ended: Ended) -> dict[str, Any]:
    """Counts, and each step with its result as long as they fit."""
    told = children.counts(ended)
    entries = [
        (
            child.step,
            {"state": child.state}
            | ({"result": child.result} if child.state == State.SUCCEEDED and not child.omitted else {}),
        )
        for child in ended.children
    ]
    kept, truncated = children.within(told, entries, left_out=any(child.omitted for child in ended.children))
    return {**told, "steps": dict(entries[:kept]), "truncated": truncated}
