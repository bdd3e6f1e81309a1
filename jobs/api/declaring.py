"""Definitions as code: jobs by their names, their revisions, going back to one, and copies."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api.changing import ChangingJobs
from jobs.api.shapes.declarations import (
    CopyInput,
    DeclaredJobShape,
    JobDeclaration,
    JobDryRunShape,
    RevisionDiffShape,
    RollbackInput,
)
from jobs.api.shapes.jobs import JobShape, RevisionShape
from jobs.api.shapes.payloads import SCOPE
from jobs.models import JobRevision
from jobs.rules import differences
from jobs.services import copies, declaring, descriptions, revisions
from jobs.services.declaring import Declared
from tenants import actors
from tenants.api import conditions, fields
from tenants.api.dry_runs import DRY_RUN
from tenants.api.parameters import Parameter, whole
from tenants.errors import NotFound

WITH = whole("with", 1, 2**31 - 1, "The revision to compare with; the one before, if left out.", default=None)


class DeclaringJobs(ChangingJobs):
    """What is declared of jobs as a whole, and what it was."""

    unconditional = frozenset({"trigger"})
    query_parameters: ClassVar[Mapping[str, tuple[Parameter, ...]]] = {
        **dict.fromkeys(("update", "rollback", "duplicate"), (DRY_RUN,)),
        "revision_diff": (WITH,),
    }

    @extend_schema(request=JobDeclaration, responses={200: DeclaredJobShape, 201: DeclaredJobShape})
    def update(self, request: Request, id: str) -> Response:
        """Create or replace the job of this name; what is left out has its default. `schedules` and `depends_on` left out: they stay."""
        if fields.id_of(id) or "\0" in id:
            raise NotFound.about("name", "names never look like this: declare a job by its name, or change it by PATCH")
        wish: Any = self.body(JobDeclaration)
        if wish.pop("name", id) != id:
            raise errors.Invalid.about("name", f"is not {id!r}, the path's: leave it out, or rename a job by PATCH")
        given, upstreams = wish.pop("schedules", None), wish.pop("depends_on", None)
        expecting = conditions.condition(request)
        change = declaring.put_job(
            tenant=self.tenant, name=id, fields=wish, given=given, depends_on=upstreams, expecting=expecting
        )
        return self.changed(change, status=201 if change.outcome == "created" else 200, declared=True)

    @extend_schema(request=RollbackInput, responses=JobShape)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, id: str) -> Response:
        """Make a new revision that is as an earlier one was; the rest of the job stays."""
        return self.change(revisions.rollback, lambda: {"number": self.body(RollbackInput)["revision"]})

    @extend_schema(request=CopyInput, responses={200: JobDryRunShape, 201: JobShape})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, id: str) -> Response:
        """A new job like it, with its schedules paused unless asked otherwise."""
        job, wish = self.held(), self.body(CopyInput)
        copy = copies.duplicate(job=job, name=wish["name"], copied=wish["schedules"])
        return self.changed(Declared(copy, {}, descriptions.of_job(copy)), status=201)

    @extend_schema(responses=RevisionShape)
    @action(detail=True, url_path="revisions/<int:number>")
    def revision(self, request: Request, id: str, number: int) -> Response:
        """What it was at one of its revisions."""
        return self.shown(RevisionShape, revisions.find(self.row(), number))

    @extend_schema(responses=RevisionDiffShape)
    @action(detail=True, url_path="revisions/<int:number>/diff")
    def revision_diff(self, request: Request, id: str, number: int) -> Response:
        """What changed from another revision to this one; from the one before, if none is named."""
        job = self.row()
        new, other = revisions.find(job, number), self.query.get(WITH.name, number - 1)
        old = revisions.find(job, other) if other else None
        told = {"revision": number, "with": other or None, "differences": self._differences(old, new)}
        return self.shown(RevisionDiffShape, told)

    def _differences(self, old: JobRevision | None, new: JobRevision) -> list[dict[str, Any]]:
        found = revisions.difference(old, new)
        shown = found if actors.current().may(SCOPE) else differences.without(found, "payload")
        return [asdict(each) for each in shown]
