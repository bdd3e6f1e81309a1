"""Maintenance windows: what is held now and soon, making them, changing them, ending them early."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.enums import ActionVariant

from jobs import errors
from jobs.admin import maintenance_forms
from jobs.admin.maintenance_forms import Fields
from jobs.models import Job, MaintenanceWindow, Scope
from jobs.services import jobs
from jobs.services import maintenance as service
from tenants import actors, marks, names
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog
from tenants.rules import permissions

_SHOWN = 10


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(pages.ConsoleAdmin):
    """Every maintenance window."""

    read_permission = "jobs:read"
    add_permission = "jobs:write"
    title = "Maintenance windows"
    change_form_template = "console/maintenance_window.html"
    empty_hint = "While one is open nothing of a tenant, a queue or a job starts; what is held goes on at its end."
    add_label = "New maintenance window"
    list_display = ("why", "standing", "covers", "tenant_name", "does", "opens", "closes")
    list_filter = (("action", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter))
    actions_detail = ("edit", "end", "delete")

    def for_list(self, queryset: QuerySet[MaintenanceWindow]) -> QuerySet[MaintenanceWindow]:
        return queryset.filter(deleted_at__isnull=True).select_related("tenant", "job")

    @admin.display(description="Reason")
    def why(self, window: MaintenanceWindow) -> Any:
        return marks.shortened(window.reason, 60)

    @admin.display(description="State")
    def standing(self, window: MaintenanceWindow) -> Any:
        return _state(window)

    @admin.display(description="Covers")
    def covers(self, window: MaintenanceWindow) -> Any:
        return _covers(window)

    @admin.display(description="Tenant")
    def tenant_name(self, window: MaintenanceWindow) -> Any:
        return marks.shortened(window.tenant.slug, 24) if window.tenant else "the platform's"

    @admin.display(description="Action")
    def does(self, window: MaintenanceWindow) -> str:
        return window.action

    @admin.display(description="Opens")
    def opens(self, window: MaintenanceWindow) -> Any:
        return marks.instant(window.opens_at)

    @admin.display(description="Closes")
    def closes(self, window: MaintenanceWindow) -> Any:
        return marks.instant(window.closes_at)

    def name_of(self, row: MaintenanceWindow) -> str:
        return row.reason

    def owner_of(self, row: MaintenanceWindow) -> str:
        return row.job.owner if row.job else ""

    def detail(self, request: HttpRequest, row: MaintenanceWindow) -> dict[str, Any]:
        facts = [
            ("State", _state(row)),
            ("Covers", _covers(row)),
            ("Tenant", pages.link_to(row.tenant, row.tenant.name) if row.tenant else "the platform's"),
            ("Action", row.action),
            ("Opens", marks.instant(row.opens_at)),
            ("Closes", marks.instant(row.closes_at)),
            ("Again", _again(row)),
            ("Alerts", "silenced" if row.silence_alerts else "as ever"),
            ("Open last", marks.joined((marks.instant(row.last_opened_at), marks.instant(row.last_closed_at)), " to ")),
            ("Created by", names.called(row.created_by)),
            ("Created", marks.instant(row.created_at)),
            ("Id", marks.code(row.pk)),
        ]
        return {"facts": facts, "times": _times(row)}

    def offered(self, row: MaintenanceWindow) -> Collection[str]:
        if row.deleted_at or (row.tenant_id is None and not actors.may(permissions.PLATFORM)):
            return ()
        if row.tenant_id and row.job_id is None and not actors.may(permissions.ADMIN, tenant=row.tenant_id):
            return ()
        return {"edit", "delete", *service.allowed_actions(row)}

    def add_page(self, request: HttpRequest) -> HttpResponse:
        form = maintenance_forms.NewWindow(request.POST or None)
        crumbs = [(self.title, self.list_url()), ("New maintenance window", "")]
        context = {
            "title": "New maintenance window",
            "crumbs": crumbs,
            "back": self.list_url(),
            "submit": "Create",
            "intro": "Either once, until an instant, or again and again by a cron expression. Runs under way go on.",
        }
        return console_forms.page(request, form, carry_out=self._create, context=context)

    def _create(self, given: dict[str, Any]) -> str:
        tenant, scope, queue, name = (given.pop(field) for field in ("tenant", "scope", "queue", "job"))
        if scope != Scope.PLATFORM and tenant is None:
            raise errors.invalid({"tenant": ["is required: only the platform's windows have none"]})
        job: Job | None = None
        if scope == Scope.JOB:
            job = jobs.named(tenant=tenant, name=name)
            if job is None:
                raise errors.invalid({"job": ["there is no job of this name"]})
        if scope == Scope.QUEUE and queue is None:
            raise errors.invalid({"queue": ["is required"]})
        covered = queue if scope in (Scope.QUEUE, Scope.PLATFORM) else None
        fields: Any = given
        window = service.create(
            tenant=None if scope == Scope.PLATFORM else tenant, queue=covered, job=job, fields=fields
        )
        return self.row_url(window.pk)

    @dialog(
        "Edit",
        title="When it is open, and what for",
        description="Other times are in force at once.",
        icon="edit",
        form=Fields,
        submit="Save",
        permission="jobs:write",
    )
    def edit(self, request: HttpRequest, form: Fields) -> HttpResponse:
        fields: Any = form.cleaned_data
        window = service.update(window=form.row, fields=fields)
        return self.done(request, "The maintenance window is changed.", self.row_url(window.pk))

    @dialog(
        "End now",
        title="End it before its time?",
        description="What it holds goes on at once; the schedules' misfire policy decides about the slots it covered.",
        icon="play_circle",
        permission="jobs:write",
        asks_why=True,
    )
    def end(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        window = service.end(window=form.row)
        return self.done(request, "The maintenance window is closed.", self.row_url(window.pk))

    @dialog(
        "Delete",
        title="Delete this maintenance window?",
        description="It opens no more. If it is open it closes, and what it holds goes on.",
        icon="delete",
        variant=ActionVariant.DANGER,
        permission="jobs:write",
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        service.delete(window=form.row)
        return self.done(request, "The maintenance window is deleted.", self.list_url())


def _state(window: MaintenanceWindow) -> Any:
    if window.deleted_at:
        return marks.state("deleted")
    state = service.state_of(window, timezone.now())
    # Of a dead letter "open" is bad news; here it is a plan.
    return marks.state("in force" if state == "open" else state)


def _covers(window: MaintenanceWindow) -> Any:
    if window.job is not None:
        return marks.joined(("the job", pages.link_to(window.job, marks.shortened(window.job.name, 40))), " ")
    if window.queue_id is not None:
        return f"the queue {window.queue_id}" + ("" if window.tenant_id else ", of every tenant")
    return "all of the tenant" if window.tenant_id else "everything"


def _again(window: MaintenanceWindow) -> Any:
    if not window.expression:
        return "once"
    return marks.joined(
        (marks.code(window.expression), window.timezone, marks.length(window.duration_seconds or 0)), ", "
    )


def _times(window: MaintenanceWindow) -> dict[str, Any]:
    found = islice(service.upcoming(window, timezone.now()), _SHOWN)
    rows = [(marks.instant(one.opens_at), marks.instant(one.closes_at)) for one in found]
    return {"title": "Open", "headers": ("From", "Until"), "rows": rows, "empty": "It opens no more."}
