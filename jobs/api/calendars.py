"""``/calendars``: days on which schedules behave otherwise."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api.shapes.calendars import (
    CalendarChanges,
    CalendarDryRunShape,
    CalendarInput,
    CalendarShape,
    DayShape,
    FileInput,
    RefreshedShape,
)
from jobs.api.tenants import day
from jobs.models import Calendar
from jobs.rules import calendar_days, ical_writing
from jobs.services import calendars, descriptions
from tenants.api import dry_runs
from tenants.api.conditions import Conditional
from tenants.api.dry_runs import DRY_RUN, DryRuns
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet
from tenants.quotas import QuotaExceeded

_FILE = "text/calendar"
_YEAR = timedelta(days=365)
#: Most days asked for at once.
MOST_DAYS = timedelta(days=3660)


class CalendarViewSet(Conditional, DryRuns, TenantViewSet):
    """Calendars of this tenant, which schedules name in `calendars`."""

    queryset = Calendar.objects.select_related("tenant")
    serializer_class = CalendarShape
    noun = "calendar"
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    refusals = {
        "create": (errors.Conflict, calendars.Cycle, QuotaExceeded),
        "partial_update": (errors.Conflict, calendars.Cycle),
        "destroy": (errors.Conflict,),
        "refresh": (errors.InvalidState,),
    }
    query_parameters = {
        "list": PAGED,
        "days": (day("from", "First day; today."), day("until", "Last day; a year later, at most ten.")),
        **dict.fromkeys(("create", "partial_update", "destroy", "refresh", "import_file"), (DRY_RUN,)),
    }
    answers_files = {"ical": (_FILE,)}

    def tag_of(self, row: Calendar) -> str:
        return descriptions.tag_of_calendar(row, calendars.names(row.tenant_id))

    def facts_of(self, row: Calendar) -> Mapping[str, Any]:
        return {}

    def lock(self, row: Calendar) -> Calendar:
        return calendars.lock(row)

    def list(self, request: Request) -> Response:
        """Calendars, newest first."""
        return self.listed(CalendarShape, self.get_queryset().defer("days"))

    @extend_schema(request=CalendarInput, responses={200: CalendarDryRunShape, 201: CalendarShape})
    def create(self, request: Request) -> Response:
        """A new calendar. Public holidays are written down now, and change only when it is refreshed."""
        fields: Any = self.body(CalendarInput)
        return self._answer({}, calendars.create(tenant=self.tenant, fields=fields), status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One calendar."""
        calendar = self.row()
        return self.tagged(self.shown(CalendarShape, calendar), calendar)

    @extend_schema(request=CalendarChanges, responses={200: CalendarShape})
    def partial_update(self, request: Request, id: str) -> Response:
        """Change some of it; lists are replaced. Schedules that use it follow within a second; what ran is not run again."""
        calendar = self.held()
        before = self._described(calendar)
        fields: Any = self.body(CalendarChanges, partial=True)
        return self._answer(before, calendars.update(calendar=calendar, fields=fields))

    @extend_schema(responses={200: CalendarDryRunShape, 204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete one that no schedule, no other calendar and no default uses."""
        calendar = self.held()
        before = self._described(calendar)
        calendars.delete(calendar=calendar)
        if self.is_dry:
            return dry_runs.tried(dry_runs.DELETED, dry_runs.diff(before, {}), calendar=None)
        return Response(status=204)

    @extend_schema(responses=DayShape(many=True))
    @action(detail=True)
    def days(self, request: Request, id: str) -> Response:
        """Its days with those it inherits, in order, each with its note."""
        calendar = self.row()
        since = self.query.get("from") or timezone.now().date()
        until = self.query.get("until") or min(since + _YEAR, calendar_days.LAST)
        if not timedelta() <= until - since <= MOST_DAYS:
            raise errors.invalid({"until": [f"must be from the first day on, at most {MOST_DAYS.days} days later"]})
        found = calendars.days(calendar, since, until)
        return self.complete(DayShape, [{"date": day, "note": note} for day, note in found])

    @extend_schema(responses={(200, _FILE): OpenApiResponse(OpenApiTypes.STR)})
    @action(detail=True)
    def ical(self, request: Request, id: str) -> HttpResponse:
        """Its days with those it inherits, as an iCalendar file."""
        calendar = self.row()
        days = calendar_days.read(calendar.days)
        text = ical_writing.write(days, name=calendar.name, key=str(calendar.pk), at=calendar.updated_at)
        file = HttpResponse(text, content_type=f"{_FILE}; charset=utf-8")
        file["Content-Disposition"] = f'attachment; filename="calendar-{calendar.pk}.ics"'
        return file

    @extend_schema(request=FileInput, responses={200: CalendarShape})
    @action(detail=True, methods=["post"], url_path="import")
    def import_file(self, request: Request, id: str) -> Response:
        """Of kind `ical`: its dates are those of this file from now on. A bad one is refused at its line."""
        calendar = self.held()
        before = self._described(calendar)
        fields = self.body(FileInput)
        return self._answer(before, calendars.import_file(calendar=calendar, **fields))

    @extend_schema(request=None, responses={200: RefreshedShape})
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, id: str) -> Response:
        """Of kind `holidays`: write them down as the installed library knows them now. Try it with `dry_run` first."""
        calendar = self.held()
        self.body(NoFields)
        before = self._described(calendar)
        calendar, added, removed = calendars.refresh(calendar=calendar)
        if self.is_dry:
            return self._answer(before, calendar)
        context = {**self.get_serializer_context(), "added": added, "removed": removed}
        return self.tagged(Response(RefreshedShape(calendar, context=context).data), calendar)

    def _described(self, calendar: Calendar) -> dict[str, Any]:
        return descriptions.of_calendar(calendar, calendars.names(calendar.tenant_id))

    def _answer(self, before: Mapping[str, Any], calendar: Calendar, *, status: int = 200) -> Response:
        """It as it is now; of a dry run, what would have become of it."""
        if not self.is_dry:
            return self.tagged(self.shown(CalendarShape, calendar, status=status), calendar)
        changed = dry_runs.diff(before, self._described(calendar))
        outcome = dry_runs.CREATED if not before else dry_runs.UPDATED if changed else dry_runs.UNCHANGED
        shown = CalendarShape(calendar, context=self.get_serializer_context()).data
        return dry_runs.tried(outcome, changed, calendar=shown)
