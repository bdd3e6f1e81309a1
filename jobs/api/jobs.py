"""``/jobs``: definitions, their states, and what they will do next."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, selectors
from jobs.api import fires, lookups
from jobs.api.batches import JobBatch
from jobs.api.declaring import DeclaringJobs
from jobs.api.lists import executions as executions_of
from jobs.api.lists import jobs as lists
from jobs.api.shapes.declarations import JobDryRunShape
from jobs.api.shapes.executions import ExecutionShape, TriggeredShape, TriggerInput
from jobs.api.shapes.jobs import JobChanges, JobInput, JobShape, RevisionShape
from jobs.api.shapes.schedules import UpcomingShape
from jobs.api.shapes.throttles import ThrottleInput
from jobs.models import Execution, Job, JobRevision
from jobs.services import descriptions, executions, job_states, jobs
from jobs.services.declaring import Declared
from tenants.api.dry_runs import DRY_RUN
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.parameters import whole
from tenants.quotas import QuotaExceeded

COUNT = whole("count", 1, 100, "How many.", default=10)


class JobViewSet(JobBatch, DeclaringJobs):
    """Jobs of this tenant. In paths `{id}` is the id or the name."""

    queryset = selectors.jobs()
    serializer_class = JobShape
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    refusals = {
        **dict.fromkeys(("create", "batch"), (errors.Conflict, errors.Cycle, errors.InvalidSchedule, QuotaExceeded)),
        "update": (errors.Conflict, errors.Cycle, errors.InvalidSchedule, errors.TaskLocked, QuotaExceeded),
        "partial_update": (errors.Conflict, errors.Cycle, errors.TaskLocked),
        "duplicate": (errors.Conflict, errors.TaskLocked, QuotaExceeded),
        "rollback": (errors.RevisionInvalid, errors.TaskLocked),
        "trigger": (errors.InvalidState, errors.Conflict, errors.TaskLocked, QuotaExceeded),
        **dict.fromkeys(("pause", "resume", "disable", "activate"), (errors.InvalidState, errors.TaskLocked)),
        **dict.fromkeys(("destroy", "throttle", "unthrottle"), (errors.TaskLocked,)),
    }
    action_scopes = {"trigger": "executions:run", "executions": "executions:read"}
    listings = {"list": lists.LISTING, "executions": executions_of.LISTING}
    query_parameters = {
        "list": (*PAGED, *lists.FILTERS),
        "executions": (*PAGED, *executions_of.OF_ANY_JOB, executions_of.SCHEDULE),
        **DeclaringJobs.query_parameters,
        **dict.fromkeys(("create", "partial_update", "destroy"), (DRY_RUN,)),
        "revisions": PAGED,
        "next": (COUNT,),
    }

    def row(self, *, bare: bool = False) -> Job:
        job = lookups.job(self.tenant, self.kwargs["id"], bare=bare)
        if job is None:
            raise self.missing()
        return job

    def list(self, request: Request) -> Response:
        """Jobs, newest first."""
        return self.listed(JobShape, lists.rows(self.get_queryset()))

    @extend_schema(request=JobInput, responses={200: JobDryRunShape, 201: JobShape})
    def create(self, request: Request) -> Response:
        """A new job with its schedules."""
        fields: Any = self.body(JobInput)
        schedules, upstreams = fields.pop("schedules", []), fields.pop("depends_on", [])
        job = jobs.create(tenant=self.tenant, fields=fields, schedules=schedules, depends_on=upstreams)
        return self.changed(Declared(job, {}, descriptions.of_job(job)), status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One job."""
        job = self.row()
        return self.tagged(self.shown(JobShape, job), job)

    @extend_schema(request=JobChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Merge changes (RFC 7396). What a run reads makes a new revision; schedules change at /schedules."""
        return self.change(jobs.update, self._changes)

    def _changes(self) -> Mapping[str, Any]:
        fields = self.body(JobChanges, partial=True)
        upstreams = (fields.pop("depends_on") or []) if "depends_on" in fields else None
        return {"fields": fields, "depends_on": upstreams}

    @extend_schema(responses={200: JobDryRunShape, 204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete: its name is free again, its schedules end, its executions stay until retention."""
        return self.ended(jobs.delete)

    @extend_schema(request=TriggerInput, responses={200: TriggeredShape, 202: TriggeredShape})
    @action(detail=True, methods=["post"])
    def trigger(self, request: Request, id: str) -> Response:
        """Run it now, or at `run_at`; 200 with the execution that has the `dedup_key` already."""
        job = self.row(bare=True)
        execution = executions.trigger(job=job, **self.body(TriggerInput))
        return self.shown(TriggeredShape, execution, status=200 if execution.deduplicated else 202)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: str) -> Response:
        """Hold its schedules."""
        return self._become(job_states.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """Go on after a pause; the misfire policy decides about missed slots."""
        return self._become(job_states.resume)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, id: str) -> Response:
        """Let nothing of it start."""
        return self._become(job_states.disable)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, id: str) -> Response:
        """Go on from now."""
        return self._become(job_states.activate)

    @extend_schema(request=ThrottleInput)
    @action(detail=True, methods=["post"])
    def throttle(self, request: Request, id: str) -> Response:
        """Let at most `max_running` of it be in flight until an instant; it ends by itself."""
        return self.change(job_states.throttle, lambda: self.body(ThrottleInput))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def unthrottle(self, request: Request, id: str) -> Response:
        """End its throttle before its time."""
        return self._become(job_states.unthrottle)

    @extend_schema(responses=RevisionShape(many=True))
    @action(detail=True)
    def revisions(self, request: Request, id: str) -> Response:
        """What it was at each of its revisions, newest first."""
        self.keyset = "-number"
        return self.listed(RevisionShape, JobRevision.objects.filter(tenant=self.tenant, job=self.row()))

    @extend_schema(responses=ExecutionShape(many=True))
    @action(detail=True)
    def executions(self, request: Request, id: str) -> Response:
        """Its executions, newest first."""
        job = self.row(bare=True)
        return self.listed(ExecutionShape, Execution.objects.filter(tenant=self.tenant), job_id=job.pk)

    @extend_schema(responses=UpcomingShape(many=True))
    @action(detail=True)
    def next(self, request: Request, id: str) -> Response:
        """Its next runs over all schedules; none while it is held."""
        job, now = self.row(), timezone.now()
        pairs = selectors.upcoming(job, now, self.query.get("count", 10))
        shown = fires.of_job(job, now, pairs)
        runs = [{**run, "schedule": schedule.pk} for run, (_, schedule) in zip(shown, pairs, strict=True)]
        return self.complete(UpcomingShape, runs)

    def _become(self, service: Any) -> Response:
        return self.change(service, lambda: self.body(NoFields))
