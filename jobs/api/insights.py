"""``explain`` and ``stats``: why something runs or does not, and how it has done."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, explanations, job_stats, outlooks, selectors
from jobs.api import lookups
from jobs.api.shapes.insights import ExplanationShape, JobStatsShape, OutlookShape, StatsShape
from jobs.api.tenants import day
from jobs.models import Job
from jobs.services import usage
from tenants.api import fields
from tenants.api.parameters import instant
from tenants.api.views import TenantViewSet
from tenants.models import Tenant

_SHOWN = timedelta(days=30)


WINDOW = (
    instant("since", "", "Of instants from here on; 30 days before `until`."),
    instant("until", "", "Of instants before this one; now."),
)


class JobInsightViewSet(TenantViewSet):
    """Why a job does not run, and how it has done. In paths `{id}` is the id or the name."""

    queryset = selectors.jobs()
    serializer_class = OutlookShape
    noun = "job"
    read_scope = write_scope = "jobs:read"
    action_scopes = {"stats": "executions:read"}
    query_parameters = {"stats": WINDOW}

    def row(self, *, bare: bool = False) -> Job:
        found = lookups.job(self.tenant, self.kwargs["id"], bare=bare)
        if found is None:
            raise self.missing()
        return found

    @extend_schema(responses=OutlookShape)
    @action(detail=True)
    def explain(self, request: Request, id: str) -> Response:
        """Why it does not run, or when it will, and how it went last."""
        return self.shown(OutlookShape, outlooks.of_job(self.row()))

    @extend_schema(responses=JobStatsShape)
    @action(detail=True)
    def stats(self, request: Request, id: str) -> Response:
        """Counts, success rate, durations and waits, by day: of the newest executions of a window, `capped` if there are more."""
        until = self.query.get("until") or timezone.now()
        since = self.query.get("since") or max(until - _SHOWN, fields.EARLIEST)
        if since >= until:
            raise errors.invalid({"since": ["must be before until"]})
        return self.shown(JobStatsShape, job_stats.of_job(self.row(bare=True), since=since, until=until))


class ScheduleInsightViewSet(TenantViewSet):
    """Why a schedule makes nothing."""

    queryset = selectors.schedules().select_related("job__tenant", "job__queue")
    serializer_class = OutlookShape
    noun = "schedule"
    read_scope = write_scope = "jobs:read"

    @extend_schema(responses=OutlookShape)
    @action(detail=True)
    def explain(self, request: Request, id: str) -> Response:
        """Why it makes no execution, or when it will, and how the last one went."""
        return self.shown(OutlookShape, outlooks.of_schedule(self.row()))


class ExecutionInsightViewSet(TenantViewSet):
    """Why an execution stands where it stands."""

    queryset = selectors.executions().select_related("job__tenant", "schedule", "queue")
    serializer_class = ExplanationShape
    noun = "execution"
    read_scope = write_scope = "executions:read"

    @extend_schema(responses=ExplanationShape)
    @action(detail=True)
    def explain(self, request: Request, id: str) -> Response:
        """The one reason first: what it waits for, why it did not run, why it failed, who cancelled it."""
        return self.shown(ExplanationShape, explanations.of_execution(self.row()))


class StatsViewSet(TenantViewSet):
    """How this tenant has done."""

    queryset = Tenant.objects.none()
    serializer_class = StatsShape
    noun = "day"
    read_scope = write_scope = "executions:read"
    query_parameters = {
        "list": (day("since", "First day, in UTC; 29 days before the last."), day("until", "Last day, in UTC; today."))
    }

    @extend_schema(responses=forced_singular_serializer(StatsShape))  # type: ignore[no-untyped-call]
    def list(self, request: Request) -> Response:
        """Counts and success rate of the tenant, by day."""
        until = self.query.get("until") or timezone.now().date()
        since = self.query.get("since") or until - _SHOWN + timedelta(days=1)
        if not 0 <= (until - since).days < usage.MOST_DAYS:
            raise errors.invalid({"until": [f"must be from the first day on, at most {usage.MOST_DAYS} days in all"]})
        days = usage.days(self.tenant, since=since, until=until)
        total = usage.totals(days)
        ended = {state: getattr(total, state) for state in ("succeeded", "failed", "cancelled", "skipped")}
        told: dict[str, Any] = {
            "since": since,
            "until": until,
            "by_state": usage.now(self.tenant) | ended,
            "counted_up_to": usage.COUNTED_UP_TO,
            "success_rate": job_stats.success_rate(total.succeeded, total.failed),
            "run_seconds": total.run_seconds,
            "days": days,
        }
        return self.shown(StatsShape, told)
