"""Workflow runs: how far each has come, as a graph and as a table, and the buttons that end it or have it go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from jobs import run_actions, run_graphs
from jobs.admin import approvals, run_graph, run_items, run_summary, wording
from jobs.models import Approval, Execution, WorkflowRun
from jobs.rules import workflow_runs as rules
from jobs.rules.approvals import Standing
from jobs.rules.states import State
from jobs.run_graphs import Graph, Member, Step
from jobs.services import workflow_runs as service
from tenants import marks, names
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog

_HEADERS = ("Step", "State", "Why", "Started", "Took", "Attempt", "Former")
#: After the step, where steps are items.
_GIVEN = "Given"
#: Former executions of a step that its row links to.
_FORMER = 3
#: Steps that a dialog lists.
_MOST_CHOICES = 200
#: Approvals that its page shows at once.
_ASKED = 5


class OneStep(Dialog):
    """Which step."""

    step = forms.ChoiceField(widget=widgets.UnfoldAdminSelectWidget)

    def __init__(self, row: WorkflowRun, data: Any = None) -> None:
        super().__init__(row, data)
        names = list(self.steps(row))
        if len(names) > _MOST_CHOICES:
            self.fields["step"] = _typed(len(names))
            return
        field: Any = self.fields["step"]
        field.choices = [(name, name) for name in names]

    def steps(self, row: WorkflowRun) -> Iterable[str]:
        """Those to choose from."""
        return [step.name for step in run_graphs.of_run(row).steps]


def _typed(count: int) -> forms.CharField:
    """Nobody finds one of so many in a list."""
    return forms.CharField(
        max_length=200,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text=f"As the run's table calls it; there are {count:,} to choose from.",
    )


class Blocked(OneStep):
    """Which step that waits."""

    def steps(self, row: WorkflowRun) -> Iterable[str]:
        found = run_graphs.of_run(row).steps
        return [step.name for step in found if step.execution and _has_not_begun(step.execution)]


def _has_not_begun(execution: Member) -> bool:
    return execution.state == State.BLOCKED and not execution.epoch


@admin.register(WorkflowRun)
class WorkflowRunAdmin(pages.ConsoleAdmin):
    """One propagation through the graph of dependencies."""

    read_permission = "executions:read"
    title = "Workflow runs"
    empty_hint = (
        "A job that others depend on makes one whenever it runs: give a job dependencies, and trigger what comes first."
    )
    change_form_template = "console/workflow_run.html"
    list_display = ("since", "standing", "root", "tenant_name", "who", "ended", "again")
    list_filter = (("state", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter))
    actions_detail = ("resume", "rerun", "skip", "cancel")

    def for_list(self, queryset: QuerySet[WorkflowRun]) -> QuerySet[WorkflowRun]:
        rows = queryset.select_related("tenant", "root_job").defer("graph", "root_job__payload")
        return names.with_keys(rows, "triggered_by")

    @admin.display(description="Due")
    def since(self, run: WorkflowRun) -> Any:
        return marks.instant(run.due_at)

    @admin.display(description="State")
    def standing(self, run: WorkflowRun) -> Any:
        return marks.state(run.state)

    @admin.display(description="First job")
    def root(self, run: WorkflowRun) -> Any:
        return marks.shortened(f"in {run.root_job.name}" if run.parent_execution_id else run.root_job.name, 40)

    @admin.display(description="Tenant")
    def tenant_name(self, run: WorkflowRun) -> Any:
        return marks.shortened(run.tenant.slug, 24)

    @admin.display(description="By")
    def who(self, run: WorkflowRun) -> Any:
        return marks.shortened(names.of_row(run, "triggered_by"), 34)

    @admin.display(description="Ended")
    def ended(self, run: WorkflowRun) -> Any:
        return marks.instant(run.finished_at)

    @admin.display(description="Reruns")
    def again(self, run: WorkflowRun) -> int:
        return run.reruns

    def name_of(self, row: WorkflowRun) -> str:
        return f"{row.root_job.name} · {marks.instant_text(row.due_at)}"

    def detail(self, request: HttpRequest, row: WorkflowRun) -> dict[str, Any]:
        graph = run_graphs.of_run(row)
        summary = run_summary.of_graph(graph)
        listed, title = _listed(graph)
        given = run_items.of_steps(row, listed)
        return {
            "run": row,
            "live": row.state not in rules.TERMINAL,
            "counted": [(state, f"{many:,}") for state, many in sorted(graph.counted().items())],
            "all_asked": [approvals.shown(each) for each in _waiting(row, graph)],
            "summary": summary,
            "picture": None if summary else run_graph.drawn(graph, given),
            "facts": _facts(row, graph),
            "steps": _table(title, listed, given),
        }

    def offered(self, row: WorkflowRun) -> Collection[str]:
        return run_actions.allowed(row)

    @dialog(
        "Resume",
        title="Resume from what failed?",
        description="Every step that failed, was cancelled, or was skipped because of one that did runs again, "
        "with all after it. The others stay as they are.",
        icon="resume",
        variant=ActionVariant.PRIMARY,
        permission="executions:run",
    )
    def resume(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        run = service.resume(run=form.row)
        return self.done(request, "It goes on.", self.row_url(run.pk))

    @dialog(
        "Rerun from…",
        title="Rerun from which step?",
        description="That step and all after it run again, however they ended.",
        icon="replay",
        form=OneStep,
        submit="Rerun",
        permission="executions:run",
    )
    def rerun(self, request: HttpRequest, form: OneStep) -> HttpResponse:
        run = service.rerun(run=form.row, **form.cleaned_data)
        return self.done(request, f"Running again from {form.cleaned_data['step']}.", self.row_url(run.pk))

    @dialog(
        "Skip a step…",
        title="Leave out which step?",
        description="It does not run, and what comes after it counts it as skipped. Only steps that wait for others are here.",
        icon="redo",
        form=Blocked,
        submit="Leave it out",
        asks_why=True,
        must_say_why=True,
        permission="executions:run",
    )
    def skip(self, request: HttpRequest, form: Blocked) -> HttpResponse:
        run = service.skip(run=form.row, reason="", **form.cleaned_data)
        return self.done(request, f"Left out: {form.cleaned_data['step']}.", self.row_url(run.pk))

    @dialog(
        "Cancel",
        title="Cancel this workflow run?",
        description="Nothing more of it starts, and what runs is asked to stop.",
        icon="cancel",
        submit="Cancel it",
        variant=ActionVariant.DANGER,
        permission="executions:run",
    )
    def cancel(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        run = service.cancel(run=form.row)
        return self.done(request, "It is being cancelled.", self.row_url(run.pk))


def _waiting(row: WorkflowRun, graph: Graph) -> list[Approval]:
    """Approvals that steps of it wait for, the first."""
    if State.BLOCKED not in graph.counted():
        return []
    rows = Approval.objects.select_related("job", "tenant").filter(tenant=row.tenant_id, state=Standing.WAITING)
    blocked = Execution.objects.filter(
        tenant=row.tenant_id, workflow_run_id=row.pk, state=State.BLOCKED, superseded=False
    )
    return list(rows.filter(execution_id__in=blocked.values("pk")).order_by("pk")[:_ASKED])


def _facts(row: WorkflowRun, graph: Graph) -> list[tuple[str, Any]]:
    parent = row.parent_execution_id
    of_parent = marks.link(pages.page_of(Execution, parent), parent) if parent else None
    return [
        ("Children of" if of_parent else "First job", of_parent or pages.link_to(row.root_job, row.root_job.name)),
        *([("Its job", pages.link_to(row.root_job, row.root_job.name))] if of_parent else []),
        ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
        ("Steps", f"{len(graph.steps):,}"),
        ("Asked for by", names.called(row.triggered_by)),
        ("Due", marks.instant(row.due_at)),
        ("Started", marks.instant(row.started_at)),
        ("Ended", marks.instant(row.finished_at)),
        ("Reruns", row.reruns),
        ("Cancel asked for", marks.instant(row.cancel_requested_at)),
        ("Id", marks.code(row.pk)),
    ]


def _listed(graph: Graph) -> tuple[list[Step], str]:
    """Steps that the table shows, and its title."""
    if len(graph.steps) <= run_summary.MOST_LISTED:
        return graph.steps, "Steps"
    steps = run_summary.in_order(graph.steps)[: run_summary.MOST_LISTED]
    return steps, f"{len(steps)} of {len(graph.steps):,} steps, those that failed or run first"


def _table(title: str, steps: list[Step], given: Mapping[str, str]) -> dict[str, Any]:
    rows: list[tuple[Any, ...]] = [_cells(step) for step in steps]
    if not given:
        return {"title": title, "headers": _HEADERS, "rows": rows, "empty": "None."}
    shown = (marks.shortened(given.get(step.name, marks.NOTHING), 40) for step in steps)
    rows = [(first, what, *others) for (first, *others), what in zip(rows, shown, strict=True)]
    return {"title": title, "headers": (_HEADERS[0], _GIVEN, *_HEADERS[1:]), "rows": rows, "empty": "None."}


def _cells(step: Step) -> tuple[Any, ...]:
    row = step.execution
    if row is None:
        return (step.name, marks.NOTHING, "not made yet", *[marks.NOTHING] * 4)
    return (
        marks.link(pages.page_of(Execution, row.pk), step.name),
        marks.state(row.state),
        row.reason or row.error_code or marks.NOTHING,
        marks.instant(row.started_at),
        wording.took(row),
        f"{row.attempt} of {row.max_attempts}",
        _former(step),
    )


def _former(step: Step) -> Any:
    links = [marks.link(pages.page_of(Execution, each.pk), each.state) for each in step.history[:_FORMER]]
    return marks.joined(links, ", ") if links else marks.NOTHING
