"""``/forecast``: what will run when."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, forecasts
from jobs.api import fires
from jobs.api.shapes.insights import ForecastShape
from jobs.coming import Run
from jobs.engine import maintenance
from jobs.engine.maintenance import Closures
from jobs.forecasts import Forecast, Group
from tenants.api.parameters import choice, instant, whole
from tenants.api.views import TenantViewSet
from tenants.models import Tenant

GROUPS = ("hour", "queue", "job")
_SHOWN = timedelta(days=1)


class ForecastViewSet(TenantViewSet):
    """The slots of this tenant's schedules that are to come."""

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
            choice("group_by", GROUPS, "Count them by hour, queue or job instead."),
            whole("limit", 1, 1000, "Most slots, without `group_by`.", default=50),
        )
    }

    @extend_schema(responses=forced_singular_serializer(ForecastShape))  # type: ignore[no-untyped-call]
    def list(self, request: Request) -> Response:
        """The next slots in order, or how many there are by hour, queue or job. Held schedules are left out, and counted."""
        since = self.query.get("from") or timezone.now()
        until = self.query.get("until") or since + _SHOWN
        if not timedelta() < until - since <= forecasts.LONGEST:
            raise errors.invalid({"until": [f"must be later than from, by at most {forecasts.LONGEST.days} days"]})
        window = {"since": since, "until": until}
        match self.query.get("group_by"):
            case "hour":
                forecast, groups = forecasts.by_hour(self.tenant, **window)
            case "queue" | "job" as owner:
                key: Any = forecasts.of_queue if owner == "queue" else forecasts.of_job
                forecast, groups = forecasts.by_owner(self.tenant, key=key, **window)
            case _:
                limit = self.query.get("limit", 50)
                forecast, found = forecasts.next_slots(self.tenant, limit=limit, **window)
                return self._told(window, forecast, slots=self._slots(found))
        return self._told(window, forecast, groups=[_group_shape(group) for group in groups])

    def _slots(self, found: Sequence[tuple[Run, Any]]) -> Sequence[dict[str, Any]]:
        windows = maintenance.between(timezone.now(), max((run.start.at for run, _ in found), default=timezone.now()))
        of_rows = (
            maintenance.of_job(windows, tenant_id=self.tenant.pk, queue_id=row.job__queue_id, job_id=row.job_id)
            for _, row in found
        )
        return [_slot(run, row, closures) for (run, row), closures in zip(found, of_rows, strict=True)]

    def _told(self, window: dict[str, datetime], forecast: Forecast, **lists: Any) -> Response:
        told = {name: getattr(forecast, name) for name in ("schedules", "held", "unreadable", "capped")}
        return self.shown(ForecastShape, {"slots": None, "groups": None, **window, **told, **lists})


def _slot(run: Run, row: Any, closures: Closures) -> dict[str, Any]:
    job = {"id": row.job_id, "name": row.job__name, "type": row.job__type}
    return {**fires.of_run(run, row.timezone, closures), "schedule": row.id, "job": job, "queue": row.job__queue_id}


def _group_shape(group: Group) -> dict[str, Any]:
    key = group.key.isoformat().replace("+00:00", "Z") if isinstance(group.key, datetime) else str(group.key)
    return {"key": key, "name": group.name, "slots": group.slots}
