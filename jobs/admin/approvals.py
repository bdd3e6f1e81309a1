"""Approvals: what waits for a decision comes first, then how others were decided; and the two buttons that decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from jobs import approvals as reading
from jobs.models import Approval, Execution
from jobs.rules.approvals import Default, Standing
from jobs.services import approvals as service
from tenants import actors, marks, names
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog
from tenants.requests import LONGEST_REASON
from tenants.rules import ids

_AFTER_ALL = {
    Default.APPROVE: "it is approved",
    Default.REJECT: "it is rejected",
    Default.FAIL: "its execution fails",
}


#: Of those that wait, before the list.
_MOST = 20
#: Filters, as addresses have them.
_STATE, _TENANT = "state__exact", "tenant__id__exact"


class _Deciding(Dialog):
    """Beside the question itself."""

    def about(self) -> tuple[str, str]:
        """What was asked, for which job and by whom."""
        asked_by = f", asked for by {names.called(self.row.requested_by)}" if self.row.requested_by else ""
        return question(self.row), f"Job {self.row.job.name} of {self.row.tenant.name}{asked_by}"


class Approving(_Deciding):
    """Why, if that is to be kept."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        label="Reason",
        help_text="Kept with the decision. May be empty.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )


class Rejecting(_Deciding):
    """Why."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        label="Reason",
        help_text="Kept with the decision.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )


class Decided(ChoicesDropdownFilter):  # type: ignore[misc]
    """By state; what waits is in a table of its own unless it is asked for."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset.exclude(state=Standing.WAITING)
        rows: QuerySet[Any] = super().queryset(request, queryset)
        return rows


@admin.register(Approval)
class ApprovalAdmin(pages.ConsoleAdmin):
    """A decision that an execution waits for."""

    read_permission = "executions:read"
    title = "Approvals"
    empty_hint = "None has been decided. An execution of a job of type approval makes one when it runs, and goes on when somebody has decided."
    change_form_template = "console/approval.html"
    list_before_template = "console/approvals_waiting.html"
    list_display = ("since", "standing", "asks", "job_name", "tenant_name", "decider")
    list_filter = (("state", Decided), ("tenant", AutocompleteSelectFilter))
    actions_detail = ("approve", "reject")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        waiting = None if _STATE in request.GET else self._waiting(request.GET.get(_TENANT, ""))
        return super().changelist_view(request, {"waiting": waiting, **(extra_context or {})})

    def _waiting(self, tenant: str) -> dict[str, Any]:
        """The first that wait, of a tenant if the list is of one."""
        rows = self.for_list(Approval.objects.filter(state=Standing.WAITING).order_by("pk"))
        if tenant:
            rows = rows.filter(tenant=ids.id_of(tenant))
        return _waiting(list(rows[: _MOST + 1]), f"{self.list_url()}?{_STATE}={Standing.WAITING}")

    def for_list(self, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        rows = queryset.select_related("job", "tenant").defer("job__payload", "job__retry")
        return names.with_keys(rows, "decided_by")

    @admin.display(description="Asked")
    def since(self, approval: Approval) -> Any:
        return marks.instant(approval.created_at)

    @admin.display(description="State")
    def standing(self, approval: Approval) -> Any:
        return marks.state(approval.state)

    @admin.display(description="Question")
    def asks(self, approval: Approval) -> Any:
        return marks.shortened(question(approval), 40)

    @admin.display(description="Job")
    def job_name(self, approval: Approval) -> Any:
        return marks.shortened(approval.job.name, 24)

    @admin.display(description="Tenant")
    def tenant_name(self, approval: Approval) -> Any:
        return marks.shortened(approval.tenant.slug, 24)

    @admin.display(description="Decided by")
    def decider(self, approval: Approval) -> Any:
        return marks.shortened(decided_by(approval, names.of_row(approval, "decided_by")), 34)

    def name_of(self, row: Approval) -> str:
        return f"{row.job.name} · {marks.instant_text(row.created_at)}"

    def detail(self, request: HttpRequest, row: Approval) -> dict[str, Any]:
        return {"asked": shown(row), "facts": _facts(row)}

    def offered(self, row: Approval) -> Collection[str]:
        return ()  # they stand below the question

    @dialog(
        "Approve",
        title="Approve?",
        description="The execution that waits goes on. A decision is final.",
        icon="check",
        form=Approving,
        submit="Approve",
        variant=ActionVariant.PRIMARY,
        permission="executions:run",
    )
    def approve(self, request: HttpRequest, form: Approving) -> HttpResponse:
        approval = service.approve(approval=form.row, **form.cleaned_data)
        return self.done(request, "Approved.", pages.page_of(Execution, approval.execution_id))

    @dialog(
        "Reject",
        title="Reject?",
        description="The execution that waits fails, or goes on with that result, as its job says. A decision is final.",
        icon="close",
        form=Rejecting,
        submit="Reject",
        variant=ActionVariant.DANGER,
        permission="executions:run",
    )
    def reject(self, request: HttpRequest, form: Rejecting) -> HttpResponse:
        approval = service.reject(approval=form.row, **form.cleaned_data)
        return self.done(request, "Rejected.", pages.page_of(Execution, approval.execution_id))


def question(approval: Approval) -> str:
    """For who may see what jobs work on."""
    return approval.question if actors.may("payloads:read") else "(takes payloads:read)"


def decided_by(approval: Approval, name: str) -> str:
    """Who decided, called so, or that nobody did."""
    if approval.state in (Standing.WAITING, Standing.WITHDRAWN):
        return marks.NOTHING
    return name if approval.decided_by else "nobody, in time"


def shown(approval: Approval) -> dict[str, Any]:
    """The question, who may decide on it until when, and the ways to do so for who may: a panel of any page."""
    return {
        "approval": approval,
        "question": question(approval),
        "may_decide": reading.Names(approval.tenant_id).in_words(approval),
        "asked_by": names.called(approval.requested_by),
        "decided_by": decided_by(approval, names.called(approval.decided_by)),
        "after_all": _AFTER_ALL[Default(approval.by_default)],
        "deciding": service.allowed_actions(approval),
    }


def _waiting(rows: Sequence[Approval], all_of_them: str) -> dict[str, Any]:
    deciders = reading.deciders(actors.current(), {row.tenant_id for row in rows})
    cells = [
        (
            pages.link_to(row, marks.shortened(question(row), 60)),
            "you may" if service.allowed_actions(row, deciders) else "others",
            marks.shortened(row.job.name, 30),
            marks.instant(row.until),
        )
        for row in rows[:_MOST]
    ]
    more = (all_of_them, f"More than these {_MOST}") if len(rows) > _MOST else None
    headers = ("Question", "Who decides", "Job", "Until")
    return {"title": "Waiting for a decision", "headers": headers, "rows": cells, "more": more}


def _facts(row: Approval) -> list[tuple[str, Any]]:
    put_to = [*row.roles, *row.members, *(f"API key {key}" for key in row.api_keys)]
    return [
        ("Job", pages.link_to(row.job, row.job.name)),
        ("Tenant", pages.link_to(row.tenant, row.tenant.name)),
        ("Execution", marks.link(pages.page_of(Execution, row.execution_id), row.execution_id)),
        ("Asked", marks.instant(row.created_at)),
        ("Asked for by", names.called(row.requested_by)),
        ("Put to", ", ".join(put_to) or "whoever may run jobs"),
        ("Whoever asked for it may decide", "no" if row.not_by_requester else "yes"),
        ("Until", marks.instant(row.until)),
        ("Decided", marks.instant(row.decided_at)),
        ("Decided by", decided_by(row, names.called(row.decided_by))),
        ("Reason", marks.shortened(row.reason, LONGEST_REASON) if row.reason else marks.NOTHING),
        ("Id", marks.code(row.pk)),
    ]
