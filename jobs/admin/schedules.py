"""Schedules: what runs when, what is held, and what cannot be planned."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs import outlooks
from jobs.admin import backfills, forecast_page, preview_panel, recent, schedule_form, standing, wording
from jobs.models import Calendar, Execution, Job, JobState, Schedule
from jobs.rules.event_outcomes import LONGEST_DEBOUNCE
from jobs.sentences import limits
from jobs.services import event_fields
from jobs.services import schedules as service
from tenants import actors, marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog


@admin.register(Schedule)
class ScheduleAdmin(backfills.WithBackfills, pages.ConsoleAdmin):
    """Every recurrence rule."""

    read_permission = "jobs:read"
    title = "Schedules"
    empty_hint = (
        "A schedule says when a job runs: a cron expression, a recurrence or calendar rule, an interval, one instant, "
        "or an event."
    )
    change_form_template = "console/schedule.html"
    list_display = ("says", "state_mark", "job_name", "tenant_name", "zone", "next_run", "trouble")
    list_filter = (
        ("state", standing.StandingFilter),
        ("tenant", AutocompleteSelectFilter),
        ("job", AutocompleteSelectFilter),
    )
    actions_detail = ("pause", "resume", "delete")
    button_permissions = {"forecast": "jobs:read", "rule": "jobs:write", "backfill": "executions:run"}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        forecast = path("forecast/", view(self.forecast_view), name="jobs_schedule_forecast")
        edit = path("<path:object_id>/rule/", view(self.edit_view), name="jobs_schedule_rule")
        return [forecast, edit, *super().get_urls()]

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Its rule and policies as a form, which says what they mean while one types."""
        needed = self.needs("rule")
        self.require(needed)
        schedule = self.row(request, object_id)
        if schedule is None or schedule.state == "deleted":
            return self.gone(request, object_id)
        self.require(needed, schedule)
        form, url = schedule_form.ScheduleForm(schedule, request.POST or None), self.row_url(schedule.pk)
        context: dict[str, Any] = {
            "title": self.name_of(schedule),
            "crumbs": [(self.title, self.list_url()), (self.name_of(schedule), url), ("Rule", "")],
            "back": url,
            "submit": "Save",
            "after": preview_panel.after(
                schedule_form.above_preview(form), *(n for n in schedule_form.WATCHED if n in form.fields)
            ),
        }
        if "preview" in request.POST:
            return console_forms.tried(
                request, form, context={**context, "preview": schedule_form.preview(schedule, form)}
            )
        context["preview"] = preview_panel.of_schedule(schedule)
        return console_forms.page(
            request,
            form,
            carry_out=lambda given: self.row_url(schedule_form.update(schedule, given).pk),
            context=context,
        )

    def forecast_view(self, request: HttpRequest) -> HttpResponse:
        """What runs in the next day, and whether workers can do it."""
        self.require_look()
        return forecast_page.view(self, request)

    def for_list(self, queryset: QuerySet[Schedule]) -> QuerySet[Schedule]:
        return queryset.select_related("job", "tenant").defer("payload", "job__payload", "job__retry")

    @admin.display(description="Rule")
    def says(self, schedule: Schedule) -> Any:
        return marks.code(marks.shortened(wording.rule(schedule), 50))

    @admin.display(description="State")
    def state_mark(self, schedule: Schedule) -> Any:
        return marks.state(schedule.state)

    @admin.display(description="Job")
    def job_name(self, schedule: Schedule) -> Any:
        return pages.link_to(schedule.job, marks.shortened(schedule.job.name, 40))

    @admin.display(description="Tenant")
    def tenant_name(self, schedule: Schedule) -> Any:
        return marks.shortened(schedule.tenant.slug, 24)

    @admin.display(description="Time zone")
    def zone(self, schedule: Schedule) -> str:
        return schedule.timezone

    @admin.display(description="Next run")
    def next_run(self, schedule: Schedule) -> Any:
        return marks.instant(schedule.next_run_at if schedule.due_at else None)

    @admin.display(description="Problem")
    def trouble(self, schedule: Schedule) -> Any:
        if schedule.state == "active" and schedule.job.state != JobState.ACTIVE:
            return f"job {schedule.job.state}"
        return marks.shortened(schedule.problem, 50)

    def name_of(self, row: Schedule) -> str:
        return f"{row.job.name} · {wording.rule(row)}"

    def owner_of(self, row: Schedule) -> str:
        return row.job.owner

    def detail(self, request: HttpRequest, row: Schedule) -> dict[str, Any]:
        runs = Execution.objects.filter(tenant=row.tenant_id, schedule=row.pk)
        told = outlooks.of_schedule(row)
        return {
            "facts": _facts(row),
            "explanation": told.explanation,
            "last": told.last,
            "problem": row.problem,
            "preview": preview_panel.of_schedule(row),
            "may_change": row.state != "deleted" and self.allows("jobs:write", row),
            "may_backfill": backfills.may_backfill(row),
            "runs": recent.table("Last executions", runs, limit=20, empty="None yet."),
        }

    def offered(self, row: Schedule) -> Collection[str]:
        return () if row.state == "deleted" else {"delete", *service.allowed_actions(row.state)}

    @dialog(
        "Pause",
        title="Pause this schedule?",
        description="Nothing of it is planned until it is resumed.",
        icon="pause",
        permission="jobs:write",
    )
    def pause(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        schedule = service.pause(schedule=form.row)
        return self.done(request, "The schedule is paused.", self.row_url(schedule.pk))

    @dialog(
        "Resume",
        title="Resume this schedule?",
        description="Its misfire policy decides about the slots missed meanwhile.",
        icon="resume",
        variant=ActionVariant.PRIMARY,
        permission="jobs:write",
    )
    def resume(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        schedule = service.resume(schedule=form.row)
        return self.done(request, "The schedule is active again.", self.row_url(schedule.pk))

    @dialog(
        "Delete",
        title="Delete this schedule?",
        description="It ends; its executions stay until retention.",
        icon="delete",
        variant=ActionVariant.DANGER,
        permission="jobs:write",
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        service.delete(schedule=form.row)
        return self.done(request, "The schedule is deleted.", pages.page_of(Job, form.row.job_id))


def _facts(schedule: Schedule) -> list[tuple[str, Any]]:
    return [
        ("State", marks.state(schedule.state)),
        ("Job", pages.link_to(schedule.job, schedule.job.name)),
        ("Rule", marks.code(wording.rule(schedule))),
        ("Kind", schedule.kind),
        ("Time zone", schedule.timezone),
        ("Next run", marks.instant(schedule.next_run_at if schedule.due_at else None)),
        *_of_events(schedule),
        ("At", marks.instant(schedule.run_at) if schedule.run_at else marks.NOTHING),
        ("From", marks.instant(schedule.start_at)),
        ("Until", marks.instant(schedule.end_at)),
        ("Clocks put forward, back", f"{schedule.dst_gap}, {schedule.dst_fold}"),
        ("Calendars", _calendars(schedule)),
        ("Runs may start", _hours(schedule)),
        ("Spread over", marks.length(schedule.jitter_seconds) if schedule.jitter_seconds else "nothing: on time"),
        ("Runs made", f"{schedule.runs} of {schedule.max_runs}" if schedule.max_runs else "not limited"),
        ("Misfire policy", _misfire(schedule)),
        ("Payload overrides", _overrides(schedule)),
        ("Id", marks.code(schedule.pk)),
    ]


def _calendars(schedule: Schedule) -> Any:
    used = [each.get("calendar") for each in schedule.calendars]
    known = Calendar.objects.filter(tenant=schedule.tenant_id, name__in=used)
    rows = {row.name: row for row in known.only("pk", "name")}
    parts = [
        format_html(
            "{} ({}, {})",
            pages.link_to(rows[name], name) if name in rows else f"{name}: gone",
            each["use"],
            each["on_hit"].replace("_", " "),
        )
        for each in schedule.calendars
        if (name := each.get("calendar"))
    ]
    return format_html_join(", ", "{}", ((part,) for part in parts)) if parts else "none"


def _of_events(schedule: Schedule) -> list[tuple[str, Any]]:
    if not event_fields.waits(schedule):
        return []
    debounce = schedule.debounce_seconds
    settled = f"{marks.length(debounce)}, {LONGEST_DEBOUNCE} times that at most" if debounce else "nothing"
    found = f"{reverse('admin:jobs_receivedevent_changelist')}?{urlencode({'name': schedule.event})}"
    wide = schedule.event.endswith("*")
    return [
        ("Waits for the event", marks.code(schedule.event) if wide else marks.link(found, schedule.event)),
        ("Filter", marks.code(schedule.event_filter) if schedule.event_filter else "none: it takes all of them"),
        ("Lets events settle for", settled),
    ]


def _overrides(schedule: Schedule) -> Any:
    if not actors.may("payloads:read"):
        return wording.WITHHELD
    return marks.json_block(schedule.payload) if schedule.payload else "none"


def _hours(schedule: Schedule) -> str:
    if schedule.execution_window is None:
        return "at any hour"
    outside = "others are skipped" if schedule.execution_window.get("outside") == "skip" else "others wait"
    return f"{limits.hours(schedule.execution_window)}; {outside}"


def _misfire(schedule: Schedule) -> str:
    most = f" {schedule.misfire_max}" if schedule.misfire == "at_most" else ""
    grace, window = marks.length(schedule.misfire_grace_seconds), marks.length(schedule.catch_up_window_seconds)
    return f"{schedule.misfire}{most}, after {grace}, within {window}"
