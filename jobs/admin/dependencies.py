"""What a job depends on, at its page: the edges there are, and dialogs that add and remove one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold import widgets
from unfold.enums import ActionVariant

from jobs import selectors
from jobs.admin import graph_page
from jobs.models import Dependency, DependencyMode, Job
from jobs.rules.trigger_rules import Rule
from jobs.services import dependencies as service
from tenants import marks
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog

_TEXT, _CHOICE = widgets.UnfoldAdminTextInputWidget, widgets.UnfoldAdminSelectWidget
_MODES = {
    DependencyMode.START: "start: it runs when its upstreams have ended in the same run",
    DependencyMode.GATE: "gate: slots of its own schedules wait for theirs",
}
_MOST_SHOWN = 100


class NewUpstream(Dialog):
    """Which job comes before, and how this one waits for it."""

    upstream = forms.CharField(max_length=200, label="Job before this one", widget=_TEXT, help_text="Its name or id.")
    mode = forms.ChoiceField(choices=[*_MODES.items()], widget=_CHOICE)
    trigger_rule = forms.ChoiceField(
        choices=[(rule.value, rule.value) for rule in Rule],
        widget=_CHOICE,
        help_text="Which ends of its upstreams let it start.",
    )
    condition = forms.CharField(
        max_length=1000,
        required=False,
        widget=_TEXT,
        help_text="Such as upstream.extract.result.rows > 0. Where it is false, this job is skipped.",
    )
    gate_timeout_seconds = forms.FloatField(
        min_value=1, initial=86_400, label="Longest wait at a gate, in seconds", widget=_TEXT
    )


class OldUpstream(Dialog):
    """Which one."""

    from_link = ("dependency",)

    dependency = forms.ChoiceField(label="Job before this one", widget=_CHOICE)

    def __init__(self, row: Job, data: Any = None) -> None:
        super().__init__(row, data)
        self.edges = {str(edge.pk): edge for edge in _edges(row) if edge.downstream_id == row.pk}
        field: Any = self.fields["dependency"]
        field.choices = [(key, edge.upstream.name) for key, edge in self.edges.items()]


class WithDependencies:
    """For the :class:`tenants.admin.pages.ConsoleAdmin` of jobs."""

    def get_urls(self: Any) -> list[URLPattern]:
        graph = path("graph/", self.admin_site.admin_view(self.graph_view), name="jobs_job_graph")
        return [graph, *super().get_urls()]  # type: ignore[misc]

    def graph_view(self: Any, request: HttpRequest) -> HttpResponse:
        """What comes before what."""
        self.require_look()
        return graph_page.view(self, request)

    @dialog(
        "Add upstream",
        title="Let this job wait for another?",
        description="It belongs to runs that begin from now on.",
        icon="account_tree",
        form=NewUpstream,
        permission="jobs:write",
    )
    def add_upstream(self: Any, request: HttpRequest, form: NewUpstream) -> HttpResponse:
        fields: Any = {**form.cleaned_data, "downstream": str(form.row.pk)}
        edge = service.create(tenant=form.row.tenant, fields=fields)
        return self.done(request, f"It waits for {edge.upstream.name}.", self.row_url(form.row.pk))  # type: ignore[no-any-return]

    @dialog(
        "Remove upstream",
        title="Let this job wait for it no more?",
        description="Runs that have begun go on as they began.",
        icon="link_off",
        form=OldUpstream,
        variant=ActionVariant.DANGER,
        permission="jobs:write",
    )
    def remove_upstream(self: Any, request: HttpRequest, form: OldUpstream) -> HttpResponse:
        edge = form.edges[form.cleaned_data["dependency"]]
        service.delete(dependency=edge)
        return self.done(request, f"It waits for {edge.upstream.name} no more.", self.row_url(form.row.pk))  # type: ignore[no-any-return]


def listed(job: Job, *, may_change: bool) -> dict[str, Any]:
    """For the page of a job: what comes before it and after it."""
    edges = _edges(job)
    graph = f"{reverse('admin:jobs_job_graph')}?job={job.pk}"
    before = [edge for edge in edges if edge.downstream_id == job.pk]
    after = [edge for edge in edges if edge.upstream_id == job.pk]
    removing = f"{reverse('admin:jobs_job_remove_upstream', args=[job.pk])}?dependency=" if may_change else ""
    return {
        "upstreams": {
            "title": "Runs after",
            "headers": ("Job", "How", *(("",) if removing else ())),
            "rows": _before(before[:_MOST_SHOWN], removing),
            "empty": "No other job.",
            "more": (graph, "Graph"),
        },
        "downstreams": {
            "title": "Runs before",
            "headers": ("Job", "How"),
            "rows": [
                (pages.link_to(edge.downstream, marks.shortened(edge.downstream.name, 50)), graph_page.told(edge))
                for edge in after[:_MOST_SHOWN]
            ],
            "empty": "No other job.",
            "more": (graph, "Graph"),
        },
    }


def _before(edges: Sequence[Dependency], removing: str) -> list[tuple[Any, ...]]:
    return [
        (
            pages.link_to(edge.upstream, marks.shortened(edge.upstream.name, 50)),
            graph_page.told(edge),
            *((marks.link(f"{removing}{edge.pk}", "Remove"),) if removing else ()),
        )
        for edge in edges
    ]


def _edges(job: Job) -> list[Dependency]:
    return selectors.edges_at(job.tenant_id, {job.pk})
