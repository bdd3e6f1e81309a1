"""Calendars: their days, and who goes by them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from jobs import selectors
from jobs.admin import wording
from jobs.admin.calendar_forms import Edited, Imported, NewCalendar, fields_of
from jobs.models import Calendar, CalendarKind
from jobs.rules.calendar_days import LAST
from jobs.services import calendars as service
from jobs.services.calendar_fields import WEEKDAYS
from tenants import marks
from tenants.admin import forms as console_forms
from tenants.admin import pages
from tenants.admin.dialogs import Dialog, dialog


@admin.register(Calendar)
class CalendarAdmin(pages.ConsoleAdmin):
    """Every tenant's calendars."""

    read_permission = "jobs:read"
    add_permission = "jobs:write"
    title = "Calendars"
    change_form_template = "console/calendar.html"
    empty_hint = (
        "A calendar holds public holidays, dates of your own or an imported file. Schedules that name it skip those days, "
        "or move their runs to the business day before or after."
    )
    add_label = "New calendar"
    list_display = ("called", "kind", "where", "tenant_name", "own", "about")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("name",)
    search_help_text = "Name"
    actions_detail = ("edit", "import_file", "refresh", "delete")

    def for_list(self, queryset: QuerySet[Calendar]) -> QuerySet[Calendar]:
        return queryset.select_related("tenant").defer("days")

    def owner_of(self, row: Calendar) -> str:
        return row.owner

    @admin.display(description="Name")
    def called(self, calendar: Calendar) -> Any:
        return marks.shortened(calendar.name, 40)

    @admin.display(description="Country")
    def where(self, calendar: Calendar) -> Any:
        return _where(calendar)

    @admin.display(description="Tenant")
    def tenant_name(self, calendar: Calendar) -> Any:
        return marks.shortened(calendar.tenant.slug, 24)

    @admin.display(description="Own entries")
    def own(self, calendar: Calendar) -> int:
        return len(calendar.dates)

    @admin.display(description="Description")
    def about(self, calendar: Calendar) -> Any:
        return marks.shortened(calendar.description, 60)

    def detail(self, request: HttpRequest, row: Calendar) -> dict[str, Any]:
        names = service.names(row.tenant_id)
        inherited = [names[pk] for pk in names if str(pk) in row.extends]
        facts = [
            ("Kind", row.kind),
            ("Country", _where(row)),
            ("Days come from", row.source or "what people typed"),
            ("Has also the days of", ", ".join(sorted(inherited)) or marks.NOTHING),
            ("Weekend", ", ".join(WEEKDAYS[day] for day in row.weekend) or "none"),
            ("Description", row.description or marks.NOTHING),
            ("Changed", marks.instant(row.updated_at)),
            ("Id", marks.code(row.pk)),
        ]
        return {"facts": facts, "days": _days(row, _year(request)), "users": _users(row)}

    def offered(self, row: Calendar) -> Collection[str]:
        own = {CalendarKind.HOLIDAYS: {"refresh"}, CalendarKind.ICAL: {"import_file"}}
        return {"edit", "delete", *own.get(CalendarKind(row.kind), set())}

    def add_page(self, request: HttpRequest) -> HttpResponse:
        crumbs = [(self.title, self.list_url()), (self.add_label, "")]
        context = {"title": self.add_label, "crumbs": crumbs, "back": self.list_url(), "submit": "Create"}

        def carry_out(given: dict[str, Any]) -> str:
            tenant = given.pop("tenant")
            return self.row_url(service.create(tenant=tenant, fields=fields_of(given)).pk)

        return console_forms.page(request, NewCalendar(request.POST or None), carry_out=carry_out, context=context)

    @dialog(
        "Edit",
        title="What is it?",
        description="Schedules that use it follow within a second. What has run is not run again.",
        icon="edit",
        form=Edited,
        submit="Save",
        permission="jobs:write",
    )
    def edit(self, request: HttpRequest, form: Edited) -> HttpResponse:
        calendar = service.update(calendar=form.row, fields=fields_of(form.cleaned_data))
        return self.done(request, f"{calendar.name} is changed.", self.row_url(calendar.pk))

    @dialog(
        "Import",
        title="Take its days from a file?",
        description="All that it has of its own is replaced.",
        icon="upload_file",
        form=Imported,
        permission="jobs:write",
    )
    def import_file(self, request: HttpRequest, form: Imported) -> HttpResponse:
        calendar = service.import_file(calendar=form.row, **form.cleaned_data)
        return self.done(request, f"{calendar.name} has {len(calendar.dates)} entries now.", self.row_url(calendar.pk))

    @dialog(
        "Refresh",
        title="Write its holidays down anew?",
        description="As the installed holidays library knows them now, for 25 years to come.",
        icon="refresh",
        permission="jobs:write",
    )
    def refresh(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        calendar, added, removed = service.refresh(calendar=form.row)
        message = f"{calendar.name}: {len(added)} entries came, {len(removed)} went."
        return self.done(request, message, self.row_url(calendar.pk))

    @dialog(
        "Delete",
        title="Delete this calendar?",
        description="Only one that nothing uses can be deleted.",
        icon="delete",
        variant=ActionVariant.DANGER,
        permission="jobs:write",
    )
    def delete(self, request: HttpRequest, form: Dialog) -> HttpResponse:
        name = form.row.name
        service.delete(calendar=form.row)
        return self.done(request, f"The calendar {name} is deleted.", self.list_url())


def _where(calendar: Calendar) -> Any:
    return "-".join(part for part in (calendar.country, calendar.subdivision) if part) or marks.NOTHING


def _year(request: HttpRequest) -> int:
    given = request.GET.get("year", "")
    known = given.isascii() and given.isdecimal() and 1970 <= int(given[:5]) <= LAST.year
    return int(given) if known else timezone.now().year


def _days(calendar: Calendar, year: int) -> dict[str, Any]:
    found = service.days(calendar, date(year, 1, 1), date(year, 12, 31))
    rows = [(marks.code(day.isoformat()), WEEKDAYS[day.weekday()].capitalize(), note) for day, note in found]
    title = f"Days of {year}, with those it inherits"
    others = [marks.link(f"?year={each}", each) for each in (year - 1, year + 1) if 1970 <= each <= LAST.year]
    return {"title": title, "headers": ("Day", "Weekday", "Note"), "rows": rows, "empty": "None.", "years": others}


def _users(calendar: Calendar) -> dict[str, Any]:
    found = selectors.schedules().filter(pk__in=[row.id for row in service.users_of(calendar)]).order_by("-pk")
    rows = [
        (
            pages.link_to(schedule, marks.code(wording.rule(schedule))),
            pages.link_to(schedule.job, schedule.job.name),
            marks.state(schedule.state),
            ", ".join(
                f"{each['use']}, {each['on_hit'].replace('_', ' ')}"
                for each in schedule.calendars
                if each["calendar"] == calendar.name
            ),
        )
        for schedule in found
    ]
    title = "Used by schedules" + (f", the newest {service.MOST_USERS}" if len(rows) == service.MOST_USERS else "")
    headers = ("Schedule", "Job", "State", "How")
    return {"title": title, "headers": headers, "rows": rows, "empty": "No schedule names it."}
