"""``/failure-groups``: failed executions of a window by what went wrong, to be decided on together."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, sql
from jobs import failure_groups as groups
from jobs.api import bulk, lookups
from jobs.api.shapes.operations import (
    AskedInput,
    BulkPreviewShape,
    FailureGroupShape,
    FailureGroupsShape,
    OperationShape,
    RepeatInput,
)
from jobs.failure_groups import Group
from jobs.services import failure_groups, operations, reasons
from tenants.api import fields
from tenants.api.dry_runs import DRY_RUN, DryRuns
from tenants.api.parameters import Parameter, choice, whole
from tenants.api.views import ApiViewSet
from tenants.rules import instants

OPERATION = {202: OperationShape, 200: OpenApiResponse(BulkPreviewShape, description="With dry_run.")}
ORDERS = {"-last_seen_at": False, "-count": True}


def _since(sent: str) -> Any:
    """A text for :meth:`FailureGroupViewSet.since`, which knows the time."""
    if instants.before(sent, fields.LATEST) is None:
        try:
            fields.Instant().run_validation(sent)
        except ValidationError as error:
            raise ValueError(str(error.detail[0])) from None  # type: ignore[index]
    return sent


WINDOW = (
    Parameter(
        "since",
        _since,
        "Created, or due as a slot, at this instant or later; or `-2h`, so long ago. `-24h` if left out.",
    ),
    Parameter("job", str, "Of the job with this id or name."),
)


class FailureGroupViewSet(DryRuns, ApiViewSet):
    """Failures by their kind. In paths `{id}` is the fingerprint."""

    queryset = None
    serializer_class = FailureGroupShape
    noun = "failure group in this window"
    read_scope = "executions:read"
    write_scope = "executions:run"
    refusals = dict.fromkeys(("retry", "resolve"), (errors.Conflict,))
    query_parameters = {
        "list": (
            *WINDOW,
            choice("order_by", ORDERS, "The last seen first, or the largest."),
            whole("limit", 1, groups.MOST_GROUPS, "Most groups.", default=50),
        ),
        "retrieve": WINDOW,
        "retry": (*WINDOW, DRY_RUN),
        "resolve": (*WINDOW, DRY_RUN),
    }

    @extend_schema(responses=forced_singular_serializer(FailureGroupsShape))  # type: ignore[no-untyped-call]
    def list(self, request: Request) -> Response:
        """Groups of a window. Of its failures the newest 10,000 are read; `capped` says that there may be older ones."""
        found = self.found(
            largest_first=ORDERS[self.query.get("order_by", "-last_seen_at")], limit=self.query.get("limit", 50)
        )
        told = {"data": found.groups, "next_cursor": None, "read": found.read, "capped": found.capped}
        return self.shown(FailureGroupsShape, told)

    def retrieve(self, request: Request, id: str) -> Response:
        """One group."""
        return self.shown(FailureGroupShape, self.row())

    @extend_schema(request=RepeatInput, responses=OPERATION)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, id: str) -> Response:
        """Replay those that nobody has replayed yet, and close their dead letters: an operation."""
        group = self.row()
        asked = self.body(RepeatInput)
        if self.is_dry:
            reasons.required(asked["reason"])
            return self._previewed(group, "redrive")
        operation = failure_groups.retry(**self._about(group), **asked)
        return self.shown(OperationShape, operation, status=202)

    @extend_schema(request=AskedInput, responses=OPERATION)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, id: str) -> Response:
        """Close their dead letters without running anything: an operation."""
        group = self.row()
        asked = self.body(AskedInput)
        if self.is_dry:
            reasons.required(asked["reason"])
            return self._previewed(group, "discard")
        operation = failure_groups.resolve(**self._about(group), **asked)
        return self.shown(OperationShape, operation, status=202)

    def _previewed(self, group: Group, kind: str) -> Response:
        wanted = failure_groups.group(group.fingerprint, self.since, self.job_id)
        return bulk.previewed(self, kind, operations.preview(tenant=self.tenant, kind=kind, wanted=wanted))

    def row(self) -> Group:
        found = self.found(fingerprint=self.kwargs["id"]).groups if "\0" not in self.kwargs["id"] else []
        if not found:
            raise self.missing()
        return found[0]

    def found(self, **narrowed: Any) -> groups.Found:
        """The groups of the window that the query names."""
        if "job" in self.query and self.job_id is None:
            return groups.Found([], 0, False)
        return groups.find(tenant_id=self.tenant.pk, since=self.since, job_id=self.job_id, **narrowed)

    @property
    def job_id(self) -> UUID | None:
        """Of the job that the query names."""
        found = lookups.job_ids(self.tenant, [self.query["job"]]) if "job" in self.query else []
        return next(iter(found), None)

    @property
    def since(self) -> datetime:
        """Where the window begins."""
        now = sql.run("clock")[0].now
        if "since" not in self.query:
            return now - groups.USUAL  # type: ignore[no-any-return]
        sent = self.query["since"]
        instant: datetime = instants.before(sent, now) or fields.Instant().run_validation(sent)
        return instant

    def _about(self, group: Group) -> dict[str, Any]:
        return {"tenant": self.tenant, "fingerprint": group.fingerprint, "since": self.since, "job_id": self.job_id}
