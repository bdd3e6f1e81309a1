"""Executions: the list, and the page of one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold import widgets
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from jobs import artifact_download, errors, selectors
from jobs.admin import again_form, backfills, bulk, execution_page, failure_groups, recent, wording
from jobs.models import Execution, Job
from jobs.rules import states
from jobs.services import executions as service
from tenants import marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog
from tenants.requests import LONGEST_REASON


class Skipping(Dialog):
    """Why it will not run."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        label="Reason",
        help_text="Kept with the execution and in the audit trail.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )


class Overrides(Dialog):
    """What to change for this one run."""

    payload = console_forms.JsonObjectField(
        required=False, label="Payload overrides", help_text="A JSON object; goes over the payload, key by key."
    )


class Replaying(Overrides):
    """And whether what comes after it runs again."""

    with_downstream = again_form.with_downstream()


class RunNow(Overrides):
    """And what tells this request from others, where the job does not say it."""

    dedup_key = forms.CharField(
        max_length=200,
        required=False,
        label="Deduplication key",
        help_text="Requests with the same key make one execution. Empty for none.",
        widget=widgets.UnfoldAdminTextInputWidget,
    )

    def __init__(self, row: Job, data: Any = None) -> None:
        super().__init__(row, data)
        if row.dedup_key:
            del self.fields["dedup_key"]


@admin.register(Execution)
class ExecutionAdmin(pages.ConsoleAdmin):
    """Every run: planned, under way or ended."""

    read_permission = "executions:read"
    button_permissions = {
        "bulk": "executions:run",
        "failures_retry": "executions:run",
        "failures_resolve": "executions:run",
        "artifact": "payloads:read",
    }
    title = "Executions"
    empty_hint = "A job's schedule makes one for each slot; Run now on a job's page makes one at once."
    change_form_template = "console/execution.html"
    list_before_template = "console/execution_states.html"
    list_display = ("called", "standing", "job_name", "tenant_name", "origin", "took", "tries", "why")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        recent.Troubled,
        recent.Since,
        ("tenant", AutocompleteSelectFilter),
        ("job", recent.OfJob),
    )
    search_fields = ("pk",)
    search_help_text = "Execution id"
    actions_detail = ("cancel", "skip", "run_anyway", "replay")

    def for_list(self, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        return queryset.select_related("job", "tenant").defer("payload", "event", "result", "error_message")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"state_links": _state_links(request), "bulk_links": bulk.links(request.GET)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        named = {
            "bulk": ("bulk/", self.bulk_view),
            "failures": ("failures/", self.failures_view),
            "failures_retry": ("failures/retry/", self.retry_view),
            "failures_resolve": ("failures/resolve/", self.resolve_view),
            "artifact": ("<path:object_id>/artifacts/<str:artifact>/", self.artifact_view),
        }
        own = [
            path(at, self.admin_site.admin_view(view), name=f"jobs_execution_{name}")
            for name, (at, view) in named.items()
        ]
        return [*own, *super().get_urls()]

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """The same done to all that a filtered list shows."""
        self._enter("bulk")
        return bulk.view(self, request)

    def failures_view(self, request: HttpRequest) -> HttpResponse:
        """Failures by their kind."""
        self._enter("failures")
        return failure_groups.list_view(self, request)

    def retry_view(self, request: HttpRequest) -> HttpResponse:
        """Run a group again."""
        self._enter("failures_retry")
        return failure_groups.decide_view(self, request, "retry")

    def resolve_view(self, request: HttpRequest) -> HttpResponse:
        """Let a group go."""
        self._enter("failures_resolve")
        return failure_groups.decide_view(self, request, "resolve")

    def artifact_view(self, request: HttpRequest, object_id: str, artifact: str) -> HttpResponseBase:
        """The bytes of an artifact of that name, to be saved."""
        self._enter("artifact")
        execution = self.row(request, object_id)
        if execution is None:
            return self.gone(request, object_id)
        found = selectors.artifacts(execution.pk).filter(name=artifact).first()
        try:
            return artifact_download.answer(found, request.headers) if found else self.gone(request, artifact)
        except errors.Gone as over:
            messages.warning(request, f"{artifact}: {over}")
            return redirect(pages.page_of(Execution, execution.pk))

    def _enter(self, name: str) -> None:
        self.require_look()
        self.require(self.needs(name))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        if not search_term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return queryset.none(), False

    @admin.display(description="For")
    def called(self, execution: Execution) -> Any:
        return marks.instant(wording.instant_of(execution))

    @admin.display(description="State")
    def standing(self, execution: Execution) -> Any:
        return marks.state(execution.state)

    @admin.display(description="Job")
    def job_name(self, execution: Execution) -> Any:
        return marks.link(pages.page_of(Job, execution.job_id), marks.shortened(execution.job.name, 40))

    @admin.display(description="Tenant")
    def tenant_name(self, execution: Execution) -> Any:
        return marks.shortened(execution.tenant.slug, 24)

    @admin.display(description="Trigger")
    def origin(self, execution: Execution) -> str:
        return execution.trigger

    @admin.display(description="Took")
    def took(self, execution: Execution) -> str:
        return wording.took(execution)

    @admin.display(description="Attempt")
    def tries(self, execution: Execution) -> str:
        return f"{execution.attempt} of {execution.max_attempts}"

    @admin.display(description="Why")
    def why(self, execution: Execution) -> Any:
        return wording.why(execution)

    def name_of(self, row: Execution) -> str:
        return f"{row.job.name} · {marks.instant_text(wording.instant_of(row))}"

    def detail(self, request: HttpRequest, row: Execution) -> dict[str, Any]:
        return execution_page.context(request, row)

    def offered(self, row: Execution) -> Collection[str]:
        allowed = states.allowed_actions(states.State(row.state), is_slot=row.schedule_id is not None)
        return {action.replace("-", "_") for action in allowed} - {"retry"}

    @dialog(
        "Cancel",
        title="Cancel this execution?",
        description="At once while it waits; a running one is asked to stop, and killed after its grace.",
        icon="cancel",
        submit="Cancel the execution",
        variant=ActionVariant.DANGER,
        permission="executions:run",
    )
    def cancel(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        execution = service.cancel(execution=form.row)
        ended = execution.state == states.State.CANCELLED
        message = "Cancelled." if ended else "Asked to stop; its worker acknowledges within seconds."
        return self.done(request, message, self.row_url(execution.pk))

    @dialog(
        "Skip",
        title="Skip this execution?",
        description="It will not run. A worker that takes it meanwhile is not stopped: cancel it then.",
        icon="skip_next",
        form=Skipping,
        submit="Skip the execution",
        permission="executions:run",
    )
    def skip(self, request: HttpRequest, form: Skipping) -> HttpResponse:
        execution = service.skip(execution=form.row, **form.cleaned_data)
        return self.done(request, "Skipped.", self.row_url(execution.pk))

    @dialog(
        "Run anyway",
        title="Run this slot anyway?",
        description="Makes a new execution for the slot, of the job's newest revision, with the schedule's overrides. "
        "A row that stands for many slots takes the one to run.",
        icon="play_arrow",
        form=backfills.Anyway,
        variant=ActionVariant.PRIMARY,
        permission="executions:run",
    )
    def run_anyway(self, request: HttpRequest, form: backfills.Anyway) -> HttpResponse:
        execution = backfills.run_skipped(form)
        return self.done(request, "The slot runs, as this new execution.", self.row_url(execution.pk))

    @dialog(
        "Replay",
        title="Run it again?",
        description="Makes a new execution of the job's newest revision. This one's overrides are kept; yours go over them.",
        icon="replay",
        form=Replaying,
        variant=ActionVariant.PRIMARY,
        permission="executions:run",
    )
    def replay(self, request: HttpRequest, form: Replaying) -> HttpResponse:
        execution = service.replay(execution=form.row, **form.cleaned_data)
        return self.done(request, "Runs again, as this new execution.", self.row_url(execution.pk))


def _state_links(request: HttpRequest) -> list[tuple[str, str, bool]]:
    """(word, query, whether chosen) for the links above the list."""
    chosen = request.GET.get("state__exact", "")
    links = []
    for word in ("", *states.State):
        query = request.GET.copy()
        for name in ("state__exact", "before", "after", "e"):
            query.pop(name, None)
        if word:
            query["state__exact"] = word
        links.append((str(word), "?" + query.urlencode(), word == chosen))
    return links
