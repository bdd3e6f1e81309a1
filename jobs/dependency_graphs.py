"""The graph of a tenant's dependencies as people look at it: jobs in layers, their edges, and what will not work."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from jobs import selectors
from jobs.models import Dependency, DependencyMode, Execution, JobState
from jobs.rules import graphs
from jobs.services import dependency_sets
from tenants import actors
from tenants.models import Tenant


class Vertex(NamedTuple):
    """A job, as far as a graph tells of it: ten thousand of them as models take seconds to make."""

    id: UUID
    name: str
    type: str
    state: str


class Edge(NamedTuple):
    """A dependency, likewise."""

    id: UUID
    upstream_id: UUID
    downstream_id: UUID
    mode: str
    trigger_rule: str
    condition: str
    gate_timeout_seconds: float


@dataclass(frozen=True, slots=True)
class LastRun:
    """A job's newest execution."""

    id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class Node:
    """A job, where it stands, and how it ended last; that is None where it never ran or may not be seen."""

    job: Vertex
    layer: int
    last_run: LastRun | None


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by layer, and by name within one; edges in the order in which they were made."""

    nodes: list[Node]
    edges: list[Edge]
    warnings: list[str]


def around(tenant: Tenant, job_ids: Collection[UUID] | None = None, *, most_ends: int | None = None) -> Graph:
    """The graph of some jobs and of all that hangs together with them; without jobs, all of the tenant's edges.

    How each job ended last is not looked up of more than ``most_ends`` jobs.
    """
    rows = Dependency.objects.filter(tenant=tenant).order_by("id").values_list(*Edge._fields)
    edges = list(map(Edge._make, rows))
    if job_ids is not None:
        pairs = _pairs(edges)
        near = set(job_ids).union(*(graphs.connected(pairs, each) for each in job_ids))
        edges = [edge for edge in edges if edge.upstream_id in near]
    jobs = _jobs(tenant, {end for pair in _pairs(edges) for end in pair} | set(job_ids or ()))
    last = {} if most_ends is not None and len(jobs) > most_ends else _last_runs(jobs)
    return Graph(list(_nodes(edges, jobs, last)), edges, list(_warnings(edges, jobs)))


def _pairs(edges: Iterable[Edge]) -> list[tuple[UUID, UUID]]:
    return [(edge.upstream_id, edge.downstream_id) for edge in edges]


def _jobs(tenant: Tenant, ids: Collection[UUID]) -> Mapping[UUID, Vertex]:
    rows = selectors.jobs().prefetch_related(None).filter(tenant=tenant, pk__in=ids).values_list(*Vertex._fields)
    return {job.id: job for job in map(Vertex._make, rows.order_by("name"))}


def _nodes(edges: Collection[Edge], jobs: Mapping[UUID, Vertex], last: Mapping[UUID, LastRun]) -> Iterator[Node]:
    for number, layer in enumerate(graphs.layers(_pairs(edges), jobs)):
        for job in sorted((jobs[each] for each in layer if each in jobs), key=lambda job: job.name):
            yield Node(job, number, last.get(job.id))


def _last_runs(jobs: Collection[UUID]) -> Mapping[UUID, LastRun]:
    if not actors.may("executions:read"):
        return {}
    newest = dict(selectors.newest_executions(jobs))
    states = dict(Execution.objects.filter(pk__in=newest.values()).values_list("pk", "state"))
    return {job: LastRun(execution, states[execution]) for job, execution in newest.items() if execution in states}


def _warnings(edges: Collection[Edge], jobs: Mapping[UUID, Vertex]) -> Iterator[str]:
    starting = _pairs(edge for edge in edges if edge.mode == DependencyMode.START)
    for each in graphs.without_common_root(starting):
        yield f"{jobs[each].name}: its upstreams share no common root, so no run has them all: use mode gate"
    gated = {edge.downstream_id for edge in edges if edge.mode == DependencyMode.GATE}
    for each in sorted(gated - dependency_sets.has_slots(gated), key=lambda each: jobs[each].name):
        yield f"{jobs[each].name}: has a gate, and no schedule whose slots could wait at it"
    waited_for = {edge.upstream_id for edge in edges}
    for each, job in jobs.items():
        if each in waited_for and job.state == JobState.DISABLED:
            yield f"{job.name}: is disabled, so nothing after it starts"
