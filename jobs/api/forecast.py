"""``/forecast``: what will run when, and how much work that is."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, forecasts, workloads
from jobs.api import fires
from jobs.api.shapes.insights import ForecastShape
from jobs.coming import Run
from jobs.engine import maintenance
from jobs.engine.maintenance import Closures
from jobs.forecasts import HOUR, Forecast, Group
from jobs.workloads import Crew
from tenants.api.at_large import AtLargeViewSet
from tenants.api.parameters import choice, instant, whole
from tenants.models import Tenant

GROUPS = ("hour", "queue", "job", "tenant")
_OWNERS: dict[str, Callable[[Any], Any]] = {
    "queue": forecasts.of_queue, "job": forecasts.of_job, "tenant": forecasts.of_tenant,
}  # fmt: skip
_SHOWN = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


class ForecastViewSet(AtLargeViewSet):
    """The slots of this tenant's schedules that are to come; for the platform's people who name no tenant, of all tenants."""

    queryset = Tenant.objects.none()
    serializer_class = ForecastShape
    noun = "forecast"
    read_scope = write_scope = "jobs:read"
    query_parameters = {
        "list": (
            instant("from", "", "Slots from here on; now."),
            instant(
                "until",
                "",
                f"Slots before this instant, at most {forecasts.LONGEST.days} days on; a day on.",
            ),
            choice("group_by", GROUPS, "Count them by hour, queue, job or tenant instead, and the work they are."),
            whole("limit", 1, 1000, "Most slots, without `group_by`.", default=50),
        )
    }

    @extend_schema(responses=forced_singular_serializer(ForecastShape))  # type: ignore[no-untyped-call]
    def list(self, request: Request) -> Response:
        """The next slots in order, or what there is by hour, queue, job or tenant. Held schedules are left out, and counted."""
        since = self.query.get("from") or timezone.now()
        until = self.query.get("until") or since + _SHOWN
        if not timedelta() < until - since <= forecasts.LONGEST:
            raise errors.invalid({"until": [f"must be later than from, by at most {forecasts.LONGEST.days} days"]})
        tenant = None if self._at_large else self.tenant
        window, by = {"since": since, "until": until}, self.query.get("group_by")
        if by is None:
            forecast, found = forecasts.next_slots(tenant, limit=self.query.get("limit", 50), **window)
            return self._told(window, forecast, slots=self._slots(found))
        if by == "hour":
            forecast, groups = forecasts.by_hour(tenant, **window)
        else:
            forecast, groups = forecasts.by_owner(tenant, key=_OWNERS[by], **window)
        return self._told(window, forecast, groups=groups, by=by)

    def _slots(self, found: Sequence[tuple[Run, Any]]) -> Sequence[dict[str, Any]]:
        last = max((run.start.at for run, _ in found), default=timezone.now())
        windows = maintenance.between(timezone.now(), last, jobs={row.job_id for _, row in found})
        of_rows = (
            maintenance.of_job(windows, tenant_id=row.tenant_id, queue_id=row.job__queue_id, job_id=row.job_id)
            for _, row in found
        )
        return [_slot(run, row, closures) for (run, row), closures in zip(found, of_rows, strict=True)]

    def _told(
        self, window: dict[str, datetime], forecast: Forecast, *, groups: Any = None, slots: Any = None, by: str = ""
    ) -> Response:
        names = ("schedules", "held", "on_events", "unreadable", "capped")
        told = {name: getattr(forecast, name) for name in names}
        crew = workloads.crew(timezone.now())
        if groups is not None:
            groups = [_group_shape(group, capacity(crew, group, by, **window)) for group in groups]
        lists = {"slots": slots, "groups": groups, "worker_slots": crew.slots}
        return self.shown(ForecastShape, {**window, **told, **lists})


def _slot(run: Run, row: Any, closures: Closures) -> dict[str, Any]:
    job = {"id": row.job_id, "name": row.job__name, "type": row.job__type}
    return {**fires.of_run(run, row.timezone, closures), "schedule": row.id, "job": job, "queue": row.job__queue_id}


def capacity(crew: Crew, group: Group, by: str, since: datetime, until: datetime) -> float | None:
    """Worker-minutes that live workers have for a group as they are now; None where workers are not a group's own."""
    if by == "hour":
        hour: datetime = group.key
        begin, end = max(hour, since), min(hour + HOUR, until)
        return crew.slots * ((end - begin) / _MINUTE)
    if by == "queue":
        return crew.by_queue.get(str(group.key), 0) * ((until - since) / _MINUTE)
    return None


def _group_shape(group: Group, room: float | None) -> dict[str, Any]:
    key = group.key.isoformat().replace("+00:00", "Z") if isinstance(group.key, datetime) else str(group.key)
    work = group.work
    return {
        "key": key,
        "name": group.name,
        "slots": work.slots,
        "worker_minutes": work.minutes(work.usual),
        "worker_minutes_p95": work.minutes(work.longest),
        "jobs_unknown": work.jobs_unknown,
        "capacity_worker_minutes": room,
    }
