"""Schedules: what runs when, what is held, and what cannot be planned."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs import outlooks, selectors, triggers
from jobs.admin import backfills, recent, standing, wording
from jobs.models import Execution, Job, JobState, Schedule
from jobs.services import schedules as service
from tenants import actors, marks
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog

_FIRES = 10


@admin.register(Schedule)
class ScheduleAdmin(backfills.WithBackfills, pages.ConsoleAdmin):
    """Every recurrence rule."""

    read_permission = "jobs:read"
    button_permissions = {"backfill": "executions:run"}
    title = "Schedules"
    empty_hint = "A schedule says when a job runs: a cron expression with its time zone, an interval, or one instant."
    change_form_template = "console/schedule.html"
    list_display = ("rule", "state_mark", "job_name", "tenant_name", "zone", "next_run", "trouble")
    list_filter = (
        ("state", standing.StandingFilter),
        ("tenant", AutocompleteSelectFilter),
        ("job", AutocompleteSelectFilter),
    )
    actions_detail = ("pause", "resume", "delete")

    def for_list(self, queryset: QuerySet[Schedule]) -> QuerySet[Schedule]:
        return queryset.select_related("job", "tenant").defer("payload", "job__payload", "job__retry")

    @admin.display(description="Rule")
    def rule(self, schedule: Schedule) -> Any:
        return marks.code(wording.rule(schedule))

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
            "fires": _fires(row),
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
        ("At", marks.instant(schedule.run_at) if schedule.run_at else marks.NOTHING),
        ("From", marks.instant(schedule.start_at)),
        ("Until", marks.instant(schedule.end_at)),
        ("Clocks put forward, back", f"{schedule.dst_gap}, {schedule.dst_fold}"),
        ("Misfire policy", _misfire(schedule)),
        ("Payload overrides", _overrides(schedule)),
        ("Id", marks.code(schedule.pk)),
    ]


def _overrides(schedule: Schedule) -> Any:
    if not actors.may("payloads:read"):
        return wording.WITHHELD
    return marks.json_block(schedule.payload) if schedule.payload else "none"


def _misfire(schedule: Schedule) -> str:
    most = f" {schedule.misfire_max}" if schedule.misfire == "at_most" else ""
    grace, window = marks.length(schedule.misfire_grace_seconds), marks.length(schedule.catch_up_window_seconds)
    return f"{schedule.misfire}{most}, after {grace}, within {window}"


def _fires(schedule: Schedule) -> dict[str, Any]:
    """The next instants, in its own zone and in UTC; none for a rule nobody understands."""
    if schedule.state != "active":
        slots = []
    else:
        try:
            slots = list(islice(selectors.runs_after(schedule, timezone.now()), _FIRES))
        except triggers.InvalidSchedule:
            slots = []
    cells = [(marks.code(slot.nominal), marks.instant(slot.at)) for slot in slots]
    return {
        "title": "Next runs",
        "headers": (f"In {schedule.timezone}", "UTC"),
        "rows": cells,
        "empty": "None while it is like this.",
    }
