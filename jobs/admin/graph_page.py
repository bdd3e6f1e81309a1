"""What comes before what, as a picture from left to right and as a table: of one job, or of a tenant's all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from jobs import dependency_graphs
from jobs.dependency_graphs import Edge, Graph, Node
from jobs.models import Dependency, DependencyMode, Job, JobState
from jobs.rules import graph_layout
from jobs.rules.graph_layout import HEIGHT, WIDTH
from jobs.rules.trigger_rules import Rule
from tenants import actors, marks
from tenants.admin import pages
from tenants.models import Tenant

TITLE = "Graph"
#: Beyond, a picture tells nobody anything.
MOST_DRAWN = 400
_MOST_EDGES = 1_000
_LONGEST_NAME = 24
_MOST_WARNINGS = 5


@dataclass(frozen=True, slots=True)
class Box:
    """A job in the picture."""

    url: str
    label: str
    name: str
    told: str
    kind: str
    x: float
    y: float
    is_asked: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """An edge in the picture; ``word`` stands on it where its rule is not the usual one."""

    path: str
    label: str
    kind: str
    word: str
    x: float
    y: float


def view(page: Any, request: HttpRequest) -> HttpResponse:
    """The page of the job that the address names, or of all of the tenant's."""
    wanted = request.GET.get("job", "")
    job = page.row(request, wanted) if wanted else None
    if wanted and (job is None or job.state == JobState.DELETED):
        return page.gone(request, wanted[:80])  # type: ignore[no-any-return]
    tenant = job.tenant if job else actors.current().tenant
    crumbs = [(page.title, page.list_url()), *([(job.name, page.row_url(job.pk))] if job else []), (TITLE, "")]
    context = {**page.admin_site.each_context(request), "title": TITLE, "crumbs": crumbs}
    if tenant is None:
        why = "Choose a tenant in the header: dependencies join the jobs of one."
        return render(request, "console/not_chosen.html", {**context, "why": why, "back": page.list_url()})
    return render(request, "console/graph.html", {**context, **_shown(tenant, job)})


def _shown(tenant: Tenant, job: Job | None) -> dict[str, Any]:
    graph = dependency_graphs.around(tenant, {job.pk} if job else None, most_ends=MOST_DRAWN)
    drawn = len(graph.nodes) <= MOST_DRAWN and bool(graph.nodes)
    return {
        "job": job,
        "summary": _summary(graph, job),
        "warnings": _some(graph.warnings),
        "picture": _picture(graph, job) if drawn else None,
        "too_many": len(graph.nodes) > MOST_DRAWN,
        "whole": reverse("admin:jobs_job_graph") if job else "",
        "edges": _edges(graph),
    }


def _some(warnings: list[str]) -> list[str]:
    more = len(warnings) - _MOST_WARNINGS
    return warnings if more <= 0 else [*warnings[:_MOST_WARNINGS], f"and {more:,} more: the API has them all"]


def _summary(graph: Graph, job: Job | None) -> str:
    if not graph.edges:
        whose = f"{job.name} depends on no job, and none depends on it" if job else "No job depends on another"
        return f"{whose}. A dependency is added at the page of the job that comes after."
    layers = graph.nodes[-1].layer + 1
    return f"{len(graph.nodes):,} jobs in {layers:,} layers, {len(graph.edges):,} dependencies."


def _picture(graph: Graph, job: Job | None) -> dict[str, Any]:
    layers: list[list[Any]] = [[] for _ in range(graph.nodes[-1].layer + 1)]
    for node in graph.nodes:
        layers[node.layer].append(node.job.id)
    names = {node.job.id: node.job.name for node in graph.nodes}
    drawing = graph_layout.draw(layers, [(edge.upstream_id, edge.downstream_id) for edge in graph.edges])
    return {
        "width": round(drawing.width),
        "height": round(drawing.height),
        "box": (WIDTH, HEIGHT),
        "arrows": [
            _arrow(edge, names, line.path, line.x, line.y)
            for edge, line in zip(graph.edges, drawing.lines, strict=True)
        ],
        "boxes": [_box(node, *drawing.boxes[node.job.id], asked=job) for node in graph.nodes],
    }


def _box(node: Node, x: float, y: float, *, asked: Job | None) -> Box:
    name, told = node.job.name, _told(node)
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    kind = node.last_run.state if node.last_run else "none"
    is_asked = asked is not None and asked.pk == node.job.id
    return Box(pages.page_of(Job, node.job.id), f"{name}: {told}", short, told, kind, x, y, is_asked)


def _told(node: Node) -> str:
    if node.job.state != JobState.ACTIVE:
        return f"job {node.job.state}"
    if node.last_run:
        return f"last: {node.last_run.state}"
    return "has not run" if actors.may("executions:read") else "active"


def _arrow(edge: Edge, names: Mapping[UUID, str], path: str, x: float, y: float) -> Arrow:
    word = "" if edge.trigger_rule == Rule.ALL_SUCCESS else edge.trigger_rule
    word = f"{word} if …".strip() if edge.condition else word
    ends = f"{names[edge.upstream_id]} → {names[edge.downstream_id]}"
    return Arrow(path, f"{ends}: {told(edge)}", edge.mode, word, x, y)


def told(edge: Dependency | Edge) -> str:
    """How a downstream waits, in a few words."""
    rule = edge.trigger_rule
    if edge.mode == DependencyMode.GATE:
        rule = f"gate, {rule}, at most {marks.length(edge.gate_timeout_seconds)}"
    return f"{rule}, if {edge.condition}" if edge.condition else rule


def _edges(graph: Graph) -> dict[str, Any]:
    shown = graph.edges[:_MOST_EDGES]
    left = len(graph.edges) - len(shown)
    more = f": the first {_MOST_EDGES:,} of {len(graph.edges):,}; the API has all" if left else ""
    return {"title": f"Dependencies{more}", "headers": ("Before", "After", "How"), "rows": [*_cells(graph, shown)]}


def _cells(graph: Graph, edges: Sequence[Edge]) -> Iterator[tuple[Any, ...]]:
    names = {node.job.id: marks.shortened(node.job.name, 50) for node in graph.nodes}
    for edge in edges:
        ends = (
            marks.link(pages.page_of(Job, each), names.get(each, marks.NOTHING))
            for each in (edge.upstream_id, edge.downstream_id)
        )
        yield (*ends, told(edge))
