"""What the views of jobs and of schedules answer to whoever changes one: with its tag, or, tried, with what would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from django.utils import timezone
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from jobs import coming, selectors
from jobs.api import fires
from jobs.api.shapes.payloads import SCOPE
from jobs.api.shapes.schedules import FireShape, UpcomingShape
from jobs.models import Job, Schedule, ScheduleState
from jobs.services import declaring, descriptions, jobs, schedules
from jobs.services.declaring import Declared
from jobs.services.descriptions import Description
from tenants import actors
from tenants.api import dry_runs
from tenants.api.conditions import Conditional
from tenants.api.dry_runs import DryRuns
from tenants.api.parsers import MergePatchParser
from tenants.api.views import TenantViewSet

#: How many runs to come a dry run tells.
_FIRES = 10


class Changing(Conditional, DryRuns, TenantViewSet):
    """One kind of rows that people declare, change by merge patches, and hold against others by tags."""

    def get_parsers(self) -> list[BaseParser]:
        own: list[BaseParser] = list(super().get_parsers())
        patches = self.request is not None and self.request.method == "PATCH"  # none while the API describes itself
        return [*own, MergePatchParser()] if patches else own

    def described(self, row: Any) -> Description:
        """All that is declared of a row, and its state."""
        raise NotImplementedError

    def upcoming(self, row: Any) -> list[Any]:
        """The runs to come of a row that is not stored yet."""
        raise NotImplementedError

    def change(self, service: Callable[..., Any], wish: Callable[[], Mapping[str, Any]]) -> Response:
        """Have a service change the row that the path names, if it is as the request says; answers what it is now.

        ``wish`` reads the body, which nobody looks at before there is such a row.
        """
        row = self.held(anyhow=self.is_dry)
        before = self.described(row)
        now = service(**{self.noun: row}, **wish())
        return self.changed(Declared(now, before, self.described(now)))

    def changed(self, change: Declared, *, status: int = 200, declared: bool = False) -> Response:
        """The row as it is now, with its outcome if it was ``declared``; of a dry run, what would have become of it."""
        shown = self.get_serializer(change.row).data
        if self.is_dry:
            runs = self.upcoming(change.row)
            return dry_runs.tried(change.outcome, self._diff(change), next=runs, **{self.noun: shown})
        told = {"outcome": change.outcome} if declared else {}
        return self.tagged(Response({**shown, **told}, status=status), change.row)

    def ended(self, service: Callable[..., None]) -> Response:
        """Have a service delete the row that the path names, if it is as the request says."""
        row = self.held(anyhow=self.is_dry)
        gone = Declared(row, self.described(row), {})
        service(**{self.noun: row})
        if self.is_dry:
            return dry_runs.tried(dry_runs.DELETED, self._diff(gone), next=[], **{self.noun: None})
        return Response(status=204)

    def _diff(self, change: Declared) -> dict[str, list[Any]]:
        found = dry_runs.diff(change.before, change.after)
        if actors.current().may(SCOPE):
            return found
        return {name: [_withheld(name, value) for value in pair] for name, pair in found.items()}


def _withheld(name: str, value: Any) -> Any:
    """What those may see of a value who may see no payload."""
    if name == "payload":
        return None
    return [{**each, "payload": None} for each in value] if name == "schedules" and value else value


class ChangingJobs(Changing):
    """Of jobs."""

    noun = "job"

    def tag_of(self, row: Job) -> str:
        return descriptions.tag_of_job(row)

    def facts_of(self, row: Job) -> Mapping[str, Any]:
        return declaring.facts_of(row)

    def lock(self, row: Job) -> Job:
        return jobs.lock(row)

    def described(self, row: Job) -> Description:
        return descriptions.of_job(row)

    def upcoming(self, row: Job) -> list[Any]:
        now = timezone.now()
        pairs = selectors.upcoming(row, now, _FIRES)
        shown = zip(fires.of_job(row, now, pairs), pairs, strict=True)
        return [UpcomingShape({**run, "schedule": schedule.pk}).data for run, (_, schedule) in shown]


class ChangingSchedules(Changing):
    """Of schedules."""

    noun = "schedule"

    def tag_of(self, row: Schedule) -> str:
        return descriptions.tag_of_schedule(row)

    def facts_of(self, row: Schedule) -> Mapping[str, Any]:
        return {"updated_at": declaring.instant(row.updated_at)}

    def lock(self, row: Schedule) -> Schedule:
        return schedules.lock(row)

    def described(self, row: Schedule) -> Description:
        return descriptions.of_schedule(row)

    def upcoming(self, row: Schedule) -> list[Any]:
        if {row.state, row.job.state} != {ScheduleState.ACTIVE}:
            return []
        now = timezone.now()
        pairs = [(run, row) for run in islice(coming.runs(row, now), _FIRES)]
        return [FireShape(run).data for run in fires.of_job(row.job, now, pairs)]
