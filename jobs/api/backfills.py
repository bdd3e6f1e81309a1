"""``/schedules/{id}/backfill`` and ``run-anyway``: slots whose time has passed run now, many or one."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import fires
from jobs.api.shapes.backfills import BackfillInput, BackfillPreviewShape, SkippedInput, SlotInput
from jobs.api.shapes.executions import ExecutionShape
from jobs.api.shapes.operations import OperationShape
from jobs.models import Schedule
from jobs.rules.backfills import Order, Which
from jobs.services import backfills
from jobs.services.backfills import Wish
from tenants.api.dry_runs import DRY_RUN, DryRuns
from tenants.api.parameters import Parameter
from tenants.api.views import TenantViewSet

_PREVIEW = OpenApiResponse(BackfillPreviewShape, description="With dry_run.")


class ScheduleBackfills(DryRuns, TenantViewSet):
    """Adds both to schedules."""

    def declared_parameters(self) -> tuple[Parameter, ...]:
        return (DRY_RUN,) if self.action == "backfill" else super().declared_parameters()

    @extend_schema(
        request=BackfillInput, responses={202: OperationShape, 200: _PREVIEW}, operation_id="schedules_backfill"
    )
    @action(detail=True, methods=["post"])
    def backfill(self, request: Request, id: str) -> Response:
        """Run its slots of a time that has passed, as an operation that goes on by itself, behind all that is live."""
        schedule = self._schedule()
        given = self.body(BackfillInput)
        wish = Wish(
            schedule=schedule, since=given["from"], until=given["until"], which=Which(given["which"]),
            order=Order(given["order"]), max_active=given["max_active"], payload=given.get("payload"),
            with_downstream=given["with_downstream"],
        )  # fmt: skip
        if self.is_dry:
            return self._told(schedule, backfills.preview(wish=wish))
        return self.shown(OperationShape, backfills.create(wish=wish, reason=given["reason"]), status=202)

    @extend_schema(request=SlotInput, responses={202: ExecutionShape}, operation_id="schedules_run_anyway")
    @action(detail=True, methods=["post"], url_path="run-anyway")
    def run_anyway(self, request: Request, id: str) -> Response:
        """Run one slot that did not run, now."""
        schedule = self._schedule()
        execution = backfills.run_anyway(schedule=schedule, **self.body(SlotInput))
        return self.shown(ExecutionShape, execution, status=202)

    def _schedule(self) -> Schedule:
        schedule: Schedule = self.row()
        schedule.job.tenant = self.tenant  # is at hand
        return schedule

    def _told(self, schedule: Schedule, found: backfills.Preview) -> Response:
        told: dict[str, Any] = {**asdict(found), "dry_run": True, "matched_is_capped": found.is_capped}
        ends = {
            name: fires.shown(slot, schedule.timezone, None) if (slot := getattr(found, name)) else None
            for name in ("first", "last")
        }
        return self.shown(BackfillPreviewShape, {**told, **ends})


class RunningAnyway(TenantViewSet):
    """Adds ``run-anyway`` to executions."""

    @extend_schema(request=SkippedInput, responses={202: ExecutionShape}, operation_id="executions_run_anyway")
    @action(detail=True, methods=["post"], url_path="run-anyway")
    def run_anyway(self, request: Request, id: str) -> Response:
        """Run the slot that was skipped, now, as a new execution of the job's newest revision."""
        execution = self.row()
        again = backfills.run_skipped(execution=execution, **self.body(SkippedInput))
        return self.shown(ExecutionShape, again, status=202)
