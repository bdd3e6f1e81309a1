"""A workflow run as its graph: each step with the execution that stands for it, and those it has taken the place of."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from jobs.models import Execution, WorkflowRun
from jobs.rules import reruns


class Member(NamedTuple):
    """What is told of an execution of a run. A run may have ten thousand, and so many models take a second to make."""

    pk: UUID
    step: str
    state: str
    reason: str
    error_code: str
    attempt: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    superseded: bool
    epoch: int

    @property
    def id(self) -> UUID:
        return self.pk


@dataclass(slots=True)
class Step:
    """``execution`` is None until there is one; ``history``: superseded ones, the newest first."""

    name: str
    job: UUID
    execution: Member | None = None
    history: list[Member] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Edge:
    """That a step comes after another."""

    upstream: str
    downstream: str
    rule: str
    condition: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Steps in an order in which each comes after its upstreams."""

    steps: list[Step]
    edges: list[Edge]

    def counted(self) -> dict[str, int]:
        """How many steps stand in each state."""
        return dict(Counter(step.execution.state for step in self.steps if step.execution))


def of_run(run: WorkflowRun) -> Graph:
    """Before its root is due a run has no graph yet: then there is its root alone."""
    stored: Mapping[str, Any] = run.graph.get("steps") or {run.root_job.name: {"job": run.root_job_id, "upstreams": []}}
    order = _in_order(reruns.upstreams({"steps": stored}))
    steps = {name: Step(name, UUID(str(stored[name]["job"]))) for name in order}
    _place(steps, run)
    edges = [
        Edge(edge["step"], name, edge.get("rule", ""), edge.get("condition", ""))
        for name in order
        for edge in stored[name].get("upstreams", ())
    ]
    return Graph(list(steps.values()), edges)


def _place(steps: Mapping[str, Step], run: WorkflowRun) -> None:
    rows = Execution.objects.filter(tenant=run.tenant_id, workflow_run_id=run.pk).values_list(*Member._fields)
    for row in sorted(map(Member._make, rows), key=lambda row: row.created_at, reverse=True):
        # Before the graph is taken down, whatever the root is called.
        name = row.step if row.step in steps or row.pk != run.root_execution_id else run.root_job.name
        if (step := steps.get(name)) is None:
            continue
        if row.superseded:
            step.history.append(row)
        else:
            step.execution = row


def _in_order(upstreams: Mapping[str, Iterable[str]]) -> list[str]:
    """Each after what comes before it, else by name."""
    left = {name: len(list(before)) for name, before in upstreams.items()}
    after: dict[str, list[str]] = {}
    for name, before in sorted(upstreams.items()):
        for each in before:
            after.setdefault(each, []).append(name)
    ready, found = deque(sorted(name for name, count in left.items() if not count)), list[str]()
    while ready:
        found.append(name := ready.popleft())
        for each in after.get(name, ()):
            left[each] -= 1
            if not left[each]:
                ready.append(each)
    return found
