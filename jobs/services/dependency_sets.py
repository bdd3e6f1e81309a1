"""The edges of one job, judged and stored. Whoever calls this holds the downstream's row, and asked whether they may.

What one edge says is checked as it is put; what it makes of the whole graph, and whether everything that reads an
upstream still has it, when all are put.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypedDict
from uuid import UUID

from jobs import errors, handlers, selectors, sql
from jobs.models import Dependency, DependencyMode, Job, Schedule, ScheduleState
from jobs.rules import conditions, graphs, payload_expressions
from jobs.rules.conditions import InvalidCondition
from jobs.rules.graphs import MOST_EDGES, Edge
from jobs.rules.trigger_rules import Rule
from jobs.services import definitions

#: Kinds of schedules whose slots nobody knows before they are there.
_WITHOUT_SLOTS = ("event",)


class DependencyFields(TypedDict, total=False):
    """What may be said of an edge beside its two jobs; what is left out has its default, or stays. None is the default."""

    mode: str
    trigger_rule: str
    condition: str
    gate_timeout_seconds: float


class Wish(DependencyFields):
    """An edge to be, of a job that is known: ``job`` is the upstream's id or name."""

    job: str


DEFAULTS = DependencyFields(
    mode=DependencyMode.START, trigger_rule=Rule.ALL_SUCCESS, condition="", gate_timeout_seconds=86_400.0
)


class Graph:
    """All edges of a tenant, as ids, read under its lock."""

    def __init__(self, tenant_id: UUID) -> None:
        rows = Dependency.objects.filter(tenant=tenant_id).order_by("id")
        found = list(rows.values_list("upstream_id", "downstream_id", "mode"))
        self.edges: list[Edge[UUID]] = [(upstream, downstream) for upstream, downstream, _ in found]
        self.starting = [(upstream, downstream) for upstream, downstream, mode in found if mode == DependencyMode.START]


def hold(job: Job) -> Graph:
    """The tenant's graph, which nobody else changes before this transaction ends."""
    with errors.locking(job.name):
        sql.run("hold_dependencies", tenant=str(job.tenant_id))
    return Graph(job.tenant_id)


def bring(job: Job, wanted: Sequence[Wish]) -> dict[str, list[Any]]:
    """Make the job's upstreams exactly these; says what changed, for the audit trail."""
    graph, before = hold(job), _told(job)
    stored = {edge.upstream_id: edge for edge in of(job)}
    known = selectors.jobs_called(job.tenant_id, {each["job"] for each in wanted})
    kept: set[UUID] = set()
    for index, each in enumerate(wanted):
        path = f"depends_on[{index}]."
        upstream = known.get(each["job"]) or _missing(path + "job", each["job"])
        if upstream.pk in kept:
            raise errors.Invalid.about(path + "job", f"{upstream.name!r} is named twice: an edge has one rule")
        kept.add(upstream.pk)
        edge = stored.get(upstream.pk) or new(upstream, job)
        fields: Any = {**DEFAULTS, **{name: value for name, value in each.items() if name != "job"}}
        assign(edge, fields)
        put(edge, path, "job")
    Dependency.objects.filter(downstream=job).exclude(upstream__in=kept).delete()
    judge(graph, job, path="depends_on", places={known[each["job"]].pk: index for index, each in enumerate(wanted)})
    after = _told(job)
    return {} if before == after else {"depends_on": [before, after]}


def of(job: Job) -> list[Dependency]:
    """The job's edges to its upstreams, as they are stored now."""
    return list(selectors.upstream_edges().filter(downstream=job.pk))


def new(upstream: Job, downstream: Job) -> Dependency:
    """An edge that is not stored yet."""
    return Dependency(tenant_id=downstream.tenant_id, upstream=upstream, downstream=downstream)


def assign(edge: Dependency, fields: DependencyFields) -> None:
    """Put the fields into an edge."""
    for name, value in fields.items():
        setattr(edge, name, DEFAULTS[name] if value is None else value)  # type: ignore[literal-required]


def told(edge: Dependency) -> dict[str, Any]:
    """All that may be said of an edge beside its two jobs."""
    return {name: getattr(edge, name) for name in DEFAULTS}


def declared(edge: Dependency) -> dict[str, Any]:
    """The same with its upstream's name, as ``depends_on`` says it."""
    return {"job": edge.upstream.name, **told(edge)}


def put(edge: Dependency, path: str = "", upstream_field: str = "upstream") -> None:
    """Store an edge, if it says what can be said. ``path`` and ``upstream_field`` are for messages."""
    if edge.upstream_id == edge.downstream_id:
        message = f"{edge.downstream.name!r} cannot depend on itself: name another job"
        raise errors.Invalid.about(path + upstream_field, message)
    definitions.check_columns(edge, exclude={"tenant", "upstream", "downstream"}, path=path)
    if edge.condition:
        try:
            conditions.parse(edge.condition)
        except InvalidCondition as error:
            raise errors.Invalid.about(path + "condition", str(error)) from None
    edge.save()


def judge(before: Graph, job: Job, path: str = "upstream", places: Mapping[UUID, int] | None = None) -> None:
    """Refuse what the job's edges, as they are stored now, make of the graph that was ``before``; ``places`` of
    upstreams among those that were asked for are for messages."""
    after = Graph(job.tenant_id)
    if len(after.edges) > max(MOST_EDGES, len(before.edges)):
        message = f"this tenant has {MOST_EDGES} dependencies, which is the most: delete some first"
        raise errors.Conflict.about(path, message)
    _refuse_circle(after, job, path)
    _refuse_lonely(before, after, job, path)
    check_reads(job, places)


def check_gates(job: Job, path: str = "", wanted: Sequence[Wish] = ()) -> None:
    """Refuse a gate before a job without slots that could wait at it. ``path``, and what was asked for, are for messages."""
    gated = Dependency.objects.filter(downstream=job.pk, mode=DependencyMode.GATE).exists()
    if gated and not _has_slots(job.pk):
        message = f"a gate holds the slots of a schedule, and {job.name!r} has none: give it one, or use start"
        place = next((place for place, each in enumerate(wanted) if each.get("mode") == DependencyMode.GATE), None)
        raise errors.Invalid.about(f"{path}mode" if place is None else f"depends_on[{place}].mode", message)


def check_reads(job: Job, places: Mapping[UUID, int] | None = None) -> None:
    """Refuse conditions and expressions in the payload that read what is no upstream of the job."""
    edges = of(job)
    names = {edge.upstream.name for edge in edges}
    there = f"upstreams of {job.name!r} are {', '.join(sorted(names)) or 'none'}"
    for edge in edges:
        if unknown := sorted(_read_by(edge.condition) - names):
            message = f"{unknown[0]!r}, which the condition of {edge.upstream.name!r} reads, is no upstream: {there}"
            index = (places or {}).get(edge.upstream_id)
            raise errors.Invalid.about("condition" if index is None else f"depends_on[{index}].condition", message)
    for place, named in _read_by_payload(job):
        if unknown := sorted(named - names):
            message = f"{unknown[0]!r} is no upstream of this job, whose result could be read: {there}"
            raise errors.Invalid.about(payload_expressions.path(place), message)


def reads(job: Job) -> frozenset[str]:
    """The upstreams that conditions of its edges and expressions in its payload read, by their names."""
    by_conditions = (_read_by(edge.condition) for edge in of(job))
    return frozenset().union(*by_conditions, *(named for _, named in _read_by_payload(job)))


def end(job: Job) -> list[str]:
    """Delete all edges of a job that is about to be deleted; says which there were."""
    hold(job)
    edges = selectors.edges_at(job.tenant_id, {job.pk})
    found = [f"{edge.upstream.name} → {edge.downstream.name}" for edge in edges]
    Dependency.objects.filter(pk__in=[edge.pk for edge in edges]).delete()
    return found


def find(tenant_id: UUID, named: Mapping[str, str], path: str = "") -> dict[str, Job]:
    """The jobs that fields of a request name, by id or name. One that is not there, or another tenant's, is refused."""
    known = selectors.jobs_called(tenant_id, set(named.values()))
    return {field: known.get(text) or _missing(path + field, text) for field, text in named.items()}


def has_slots(job_ids: Collection[UUID]) -> set[UUID]:
    """Of these jobs those with a schedule whose slots can wait at a gate."""
    rows = Schedule.objects.filter(job__in=job_ids).exclude(state=ScheduleState.DELETED)
    return set(rows.exclude(kind__in=_WITHOUT_SLOTS).values_list("job_id", flat=True))


def _has_slots(job_id: UUID) -> bool:
    return bool(has_slots([job_id]))


def _missing(field: str, text: str) -> Job:
    raise errors.Invalid.about(field, f"there is no job {text[:200]!r} here: make it first, or correct the name")


def _told(job: Job) -> list[dict[str, Any]]:
    return [declared(edge) for edge in of(job)]


def _refuse_circle(graph: Graph, job: Job, path: str) -> None:
    after = graphs.following(graph.edges)
    later = graphs.reachable(after, [job.pk]) - {job.pk}
    for upstream, downstream in graph.edges:
        if downstream == job.pk and upstream in later:
            circle = graphs.way(after, job.pk, upstream) or []
            raise errors.Cycle(_names([*circle, job.pk]), field=path)


def _refuse_lonely(before: Graph, after: Graph, job: Job, path: str) -> None:
    """Only what this change did: edges that went may have left others so."""
    known = set(graphs.without_common_root(before.starting))
    touched = graphs.reachable(graphs.following(after.starting), [job.pk])
    lonely = [each for each in graphs.without_common_root(after.starting) if each in touched - known]
    if not lonely and job.pk in known:
        lonely = _still(after, job.pk, before)
    if lonely:
        ups = _names([upstream for upstream, downstream in after.starting if downstream == lonely[0]])
        message = (
            f"the upstreams of {_names(lonely[:1])[0]!r} ({_some(ups)}) share no common root, so no run has them all: "
            "let them run after one job, or use mode gate"
        )
        raise errors.Invalid.about(path, message)


def _still(after: Graph, job_id: UUID, before: Graph) -> list[UUID]:
    """The job itself, if it is lonely and was given more upstreams."""
    ups = [edge for edge in after.starting if edge[1] == job_id]
    grown = set(ups) - set(before.starting)
    return [job_id] if grown and job_id in graphs.without_common_root(after.starting) else []


def _names(ids: Sequence[UUID]) -> list[str]:
    names = dict(Job.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [names[each] for each in ids]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _read_by(condition: str) -> frozenset[str]:
    try:
        return conditions.parse(condition).upstreams if condition else frozenset()
    except InvalidCondition:  # of an earlier version: whoever judges it says so
        return frozenset()


def _templated(job: Job) -> Collection[str]:
    """Fields that speak of the upstreams of others: of what it runs itself."""
    known = handlers.registered().get(job.type)
    return known.templated if known else ()


def _read_by_payload(job: Job) -> Iterable[tuple[payload_expressions.Place, frozenset[str]]]:
    try:
        found = payload_expressions.find(job.payload, _templated(job))
    except payload_expressions.InvalidPayload:  # is told where payloads are checked
        return
    for place, template in found.templates.items():
        yield place, frozenset().union(*(each.upstreams for each in template.expressions))
