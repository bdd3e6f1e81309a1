"""The newest executions, found by their ids: those begin with their time, so a window is a range of the primary key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from jobs import selectors
from jobs.admin import wording
from jobs.models import Execution, Job
from jobs.rules import identity
from jobs.rules.states import TERMINAL, State
from tenants import marks
from tenants.admin import pages

WINDOWS = {"1": "last hour", "24": "last 24 hours", "168": "last 7 days"}
_MOST_HELD = 100
#: What somebody looks for in the morning.
TROUBLED = {State.FAILED.value, State.SKIPPED.value}
_HEADERS = ("For", "State", "Trigger", "Took", "Attempt", "Why")
_HELD = ("Job", "Runs for", "Since", "Attempt", "Execution for")


def floor(now: datetime, window: timedelta) -> UUID:
    """The lowest id of a window that ends now."""
    return identity.floor_id(now - window)


class Since(DropdownFilter):  # type: ignore[misc]
    """Executions for an instant in a window, and whatever is planned."""

    title = "time"
    parameter_name = "hours"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(WINDOWS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in WINDOWS:
            return queryset
        return queryset.filter(pk__gte=floor(timezone.now(), timedelta(hours=int(self.value()))))


class Troubled(Since):
    """What somebody looks for in the morning: failed or skipped, in a window, so that the rows looked at have an end."""

    title = "failed or skipped"
    parameter_name = "troubled"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in WINDOWS:
            return queryset
        return super().queryset(request, queryset).filter(state__in=TROUBLED)


class OfJob(AutocompleteSelectFilter):  # type: ignore[misc]
    """Executions of one job. Its tenant is named too: the index of a job's executions begins with it."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().queryset(request, queryset)
        if not self.value():
            return rows
        return rows.filter(tenant=Subquery(Job.objects.filter(pk=self.value()).values("tenant")[:1]))


def table(
    title: str, rows: QuerySet[Execution], *, limit: int, empty: str, more: tuple[str, str] | None = None
) -> dict[str, Any]:
    """The newest of some executions of one job or schedule, as a table of a page."""
    found = rows.order_by("-pk").defer("payload", "event", "result", "error_message")[:limit]
    cells = [
        (
            pages.link_to(row, marks.instant(wording.instant_of(row))),
            marks.state(row.state),
            row.trigger,
            wording.took(row),
            f"{row.attempt} of {row.max_attempts}",
            wording.why(row),
        )
        for row in found
    ]
    return {"title": title, "headers": _HEADERS, "rows": cells, "empty": empty, "more": more}


def held(title: str, rows: QuerySet[Execution], now: datetime) -> dict[str, Any]:
    """What runs at one place, the oldest first: which job, and for how long."""
    found = rows.select_related("job").order_by("pk").defer("payload", "event", "result", "job__payload", "job__retry")
    cells = [
        (
            pages.link_to(row.job, marks.shortened(row.job.name, 32)),
            marks.length(now - row.started_at) if row.started_at else marks.NOTHING,
            marks.instant(row.started_at),
            f"{row.attempt} of {row.max_attempts}",
            pages.link_to(row, marks.instant(wording.instant_of(row))),
        )
        for row in found[:_MOST_HELD]
    ]
    return {"title": title, "headers": _HELD, "rows": cells, "empty": "Nothing."}


def with_last_end(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Jobs with ``last_state`` and ``last_id`` of their newest execution that has ended."""
    ended = selectors.standing(
        Execution.objects.filter(tenant=OuterRef("tenant"), job=OuterRef("pk"), state__in=sorted(TERMINAL))
    ).order_by("-pk")
    return jobs.annotate(last_state=Subquery(ended.values("state")[:1]), last_id=Subquery(ended.values("pk")[:1]))
