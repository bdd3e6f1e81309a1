"""Jobs: the list, the page of one with its schedules, runs and revisions, and its buttons."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs.admin import dependencies, job_form, job_page, preview_panel, recent, revisions, standing
from jobs.admin.executions import RunNow
from jobs.models import Execution, Job, JobState
from jobs.services import executions, job_states
from jobs.services import jobs as service
from tenants import marks
from tenants.admin import forms as console_forms
from tenants.admin import pages, throttling
from tenants.admin.dialogs import Dialog, dialog


@admin.register(Job)
class JobAdmin(dependencies.WithDependencies, revisions.WithRevisions, throttling.Throttling, pages.ConsoleAdmin):
    """Every tenant's definitions."""

    read_permission = "jobs:read"
    add_permission = "jobs:write"
    button_permissions = {
        **dict.fromkeys(("throttle", "unthrottle", "definition", "rollback"), "jobs:write"),
        **dict.fromkeys(("revisions", "graph"), "jobs:read"),
    }
    title = "Jobs"
    empty_hint = (
        "A job is something to run: an HTTP call, a script. A schedule says when; without one it runs when asked."
    )
    add_label = "New job"
    change_form_template = "console/job.html"
    list_display = ("name", "state_mark", "tenant_name", "type", "next_run", "last_end", "queue_name")
    list_filter = (
        ("state", standing.StandingFilter),
        ("tenant", AutocompleteSelectFilter),
        ("queue", AutocompleteSelectFilter),
    )
    search_fields = ("name",)
    search_help_text = "Name"
    actions_detail = (
        "run_now", "pause", "resume", "activate", "throttle", "unthrottle", "add_upstream", "remove_upstream", "rollback", "disable",
        "delete",
    )  # fmt: skip

    def for_list(self, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return job_page.with_next_run(recent.with_last_end(queryset)).select_related("tenant").defer("payload", "retry")

    @admin.display(description="State")
    def state_mark(self, job: Job) -> Any:
        return marks.state(job.state)

    @admin.display(description="Tenant")
    def tenant_name(self, job: Job) -> Any:
        return marks.shortened(job.tenant.slug, 24)

    @admin.display(description="Next run")
    def next_run(self, job: Any) -> Any:
        return marks.instant(job.next_run if job.state == JobState.ACTIVE else None)

    @admin.display(description="Last result")
    def last_end(self, job: Any) -> Any:
        if job.last_id is None:
            return marks.NOTHING
        return marks.link(pages.page_of(Execution, job.last_id), marks.state(job.last_state))

    @admin.display(description="Queue")
    def queue_name(self, job: Job) -> str:
        return str(job.queue_id)

    def name_of(self, row: Job) -> str:
        return row.name

    def owner_of(self, row: Job) -> str:
        return row.owner

    def detail(self, request: HttpRequest, row: Job) -> dict[str, Any]:
        may_change = row.state != JobState.DELETED and self.allows("jobs:write", row)
        edges = dependencies.listed(row, may_change=may_change)
        return {**job_page.context(row), **edges, "may_change": may_change}

    def offered(self, row: Job) -> Collection[str]:
        if row.state == JobState.DELETED:
            return ()
        names = {"trigger": "run_now"}
        offered = {"delete", *(names.get(name, name) for name in job_states.allowed_actions(row.state))}
        offered |= {"add_upstream"} | ({"rollback"} if row.revision > 1 else set())
        return offered - (set() if throttling.is_throttled(row) else {"unthrottle"})

    def set_throttle(self, row: Job, *, max_running: int, until: datetime) -> None:
        job_states.throttle(job=row, max_running=max_running, until=until)

    def lift_throttle(self, row: Job) -> None:
        job_states.unthrottle(job=row)

    def get_urls(self) -> list[URLPattern]:
        edit = path(
            "<path:object_id>/definition/", self.admin_site.admin_view(self.edit_view), name="jobs_job_definition"
        )
        return [edit, *super().get_urls()]

    def add_page(self, request: HttpRequest) -> HttpResponse:
        form = job_form.NewJob(request.POST or None)
        crumbs = [(self.title, self.list_url()), ("New job", "")]
        context = {
            "title": "New job",
            "crumbs": crumbs,
            "back": self.list_url(),
            "submit": "Create",
            "examples": job_form.examples(),
            "after": preview_panel.after("timezone", *job_form.WATCHED),
        }
        if "preview" in request.POST:
            return console_forms.tried(request, form, context={**context, "preview": job_form.preview(form)})
        return console_forms.page(
            request, form, carry_out=lambda given: self.row_url(job_form.create(given).pk), context=context
        )

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        needed = self.needs("definition")
        self.require(needed)
        job = self.row(request, object_id)
        if job is None:
            return self.gone(request, object_id)
        self.require(needed, job)
        form = job_form.Definition(request.POST or None, initial=job_form.initial(job))
        url = self.row_url(job.pk)
        crumbs = [(self.title, self.list_url()), (job.name, url), ("Definition", "")]
        context = {"title": job.name, "crumbs": crumbs, "back": url, "submit": "Save", "examples": job_form.examples()}
        return console_forms.page(
            request, form, carry_out=lambda given: self.row_url(job_form.update(job, given).pk), context=context
        )

    @dialog(
        "Run now",
        title="Run this job now?",
        description="Makes one execution, beside whatever its schedules plan.",
        icon="play_arrow",
        form=RunNow,
        variant=ActionVariant.PRIMARY,
        permission="executions:run",
    )
    def run_now(self, request: HttpRequest, form: RunNow) -> HttpResponse:
        execution = executions.trigger(job=form.row, **form.cleaned_data)
        there = "Nothing was made: this execution has its deduplication key."
        message = there if execution.deduplicated else "Asked for. This is its execution."
        return self.done(request, message, pages.page_of(Execution, execution.pk))

    @dialog(
        "Pause",
        title="Pause this job?",
        description="Its schedules are held; it can still be run by hand. What runs goes on.",
        icon="pause",
        permission="jobs:write",
    )
    def pause(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        return self._changed(request, job_states.pause(job=form.row), "paused")

    @dialog(
        "Resume",
        title="Resume this job?",
        description="Each schedule's misfire policy decides about the slots missed meanwhile.",
        icon="resume",
        variant=ActionVariant.PRIMARY,
        permission="jobs:write",
    )
    def resume(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        return self._changed(request, job_states.resume(job=form.row), "active again")

    @dialog(
        "Activate",
        title="Activate this job?",
        description="Its schedules begin anew: what was due while it was disabled is forgotten, and recorded as such.",
        icon="play_circle",
        permission="jobs:write",
    )
    def activate(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        return self._changed(request, job_states.activate(job=form.row), "active")

    @dialog(
        "Disable",
        title="Disable this job?",
        description="Nothing of it starts any more, not even by hand. What runs goes on.",
        icon="do_not_disturb_on",
        permission="jobs:write",
    )
    def disable(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        return self._changed(request, job_states.disable(job=form.row), "disabled")

    @dialog(
        "Delete",
        title="Delete this job?",
        description="Its schedules end and its name is free again. Its executions stay until retention.",
        icon="delete",
        variant=ActionVariant.DANGER,
        permission="jobs:write",
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        service.delete(job=form.row)
        return self.done(request, f"{form.row.name} is deleted.", self.list_url())

    def _changed(self, request: HttpRequest, job: Job, now: str) -> HttpResponse:
        return self.done(request, f"{job.name} is {now}.", self.row_url(job.pk))
