"""``/templates``: jobs with gaps, a tenant's own and the gallery's, and the jobs that are made of them."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, gallery, selectors
from jobs.api import fires
from jobs.api.shapes import reading  # noqa: F401 - reads the jobs that templates make
from jobs.api.shapes.job_templates import (
    GALLERY,
    OWN,
    SOURCES,
    InstantiateInput,
    TemplateChanges,
    TemplateDryRunShape,
    TemplateInput,
    TemplateItem,
    TemplatePreviewShape,
    TemplateShape,
    TemplateSummaryShape,
)
from jobs.api.shapes.jobs import JobShape
from jobs.api.shapes.payloads import SCOPE
from jobs.models import Job, JobTemplate
from jobs.services import descriptions, job_templates
from jobs.services.job_templates import Template
from tenants import actors
from tenants.api import dry_runs, fields
from tenants.api.conditions import Conditional
from tenants.api.dry_runs import DRY_RUN, DryRuns
from tenants.api.parameters import one_of, texts
from tenants.api.views import TenantViewSet
from tenants.quotas import QuotaExceeded

_JOBS = inline_serializer("TemplateJobs", {"data": JobShape(many=True)})
#: How many runs to come a preview tells.
_FIRES = 10


class TemplateViewSet(Conditional, DryRuns, TenantViewSet):
    """Job templates: this tenant's, and the gallery's, which are read-only. In paths `{id}` is the id, or the gallery's name."""

    queryset = JobTemplate.objects.select_related("tenant")
    serializer_class = TemplateShape
    noun = "template"
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    unconditional = frozenset({"preview", "instantiate"})
    refusals = {
        "create": (errors.Conflict, QuotaExceeded),
        **dict.fromkeys(("partial_update", "destroy"), (errors.Conflict,)),
        "preview": (errors.Conflict, errors.InvalidSchedule, QuotaExceeded),
        "instantiate": (errors.Conflict, errors.InvalidSchedule, errors.InvalidState, QuotaExceeded),
    }
    query_parameters = {
        "list": (one_of("source", "", SOURCES, "Whose they are."), texts("category", "", "Of this category.")),
        **dict.fromkeys(("create", "partial_update", "destroy"), (DRY_RUN,)),
    }

    def row(self) -> Template:
        key = self.kwargs["id"]
        if not fields.id_of(key) and key in gallery.entries():
            return gallery.entries()[key]
        found: JobTemplate = super().row()
        return found

    def tag_of(self, row: Template) -> str:
        return descriptions.tag_of_template(row)

    def facts_of(self, row: Template) -> Mapping[str, Any]:
        return {"version": row.version}

    def lock(self, row: Template) -> JobTemplate:
        return job_templates.lock(row)

    @extend_schema(responses=TemplateSummaryShape(many=True))
    def list(self, request: Request) -> Response:
        """Every template: this tenant's, newest first, then the gallery's by name. Without their bodies."""
        sources, categories = self.query.get("source", SOURCES), self.query.get("category")
        found: list[Template] = []
        if OWN in sources:
            own: Any = self.get_queryset().defer("parameters", "body")
            found += own.order_by("-pk")
        if GALLERY in sources:
            found += gallery.entries().values()
        wanted = [each for each in found if categories is None or each.category in categories]
        return self.complete(TemplateSummaryShape, wanted)

    @extend_schema(request=TemplateInput, responses={200: TemplateDryRunShape, 201: TemplateShape})
    def create(self, request: Request) -> Response:
        """A new template. Its body is a job with gaps, which is checked as a job when the gaps are filled."""
        wish: Any = self.body(TemplateInput)
        return self._answer({}, job_templates.create(tenant=self.tenant, fields=wish), status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One template."""
        template = self.row()
        return self.tagged(self.shown(TemplateShape, template), template)

    @extend_schema(request=TemplateChanges, responses={200: TemplateShape})
    def partial_update(self, request: Request, id: str) -> Response:
        """Change some of it; `parameters` and `body` are replaced whole. Jobs that it made stay as they are."""
        template = self.held()
        before = descriptions.of_template(template)
        wish: Any = self.body(TemplateChanges, partial=True)
        return self._answer(before, job_templates.update(template=template, fields=wish))

    @extend_schema(responses={200: TemplateDryRunShape, 204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete it. Jobs that it made stay."""
        template = self.held()
        before = descriptions.of_template(template)
        job_templates.delete(template=template)
        if self.is_dry:
            return dry_runs.tried(dry_runs.DELETED, self._diff(before, {}), template=None)
        return Response(status=204)

    @extend_schema(request=TemplateItem, responses={200: TemplatePreviewShape})
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, id: str) -> Response:
        """The job that it would make of these parameters and its next runs, or all that is refused of it. Nothing is stored."""
        template = self.row()
        item: Any = self.body(TemplateItem)
        shown = job_templates.preview(tenant=self.tenant, template=template, item=item, show=self._previewed)
        return Response(shown)

    @extend_schema(request=InstantiateInput, responses={201: _JOBS})
    @action(detail=True, methods=["post"], pagination_class=None)
    def instantiate(self, request: Request, id: str) -> Response:
        """A new job for each item, up to 100: all of them, or none. What is refused is named by its item."""
        template = self.row()
        items: Any = self.body(InstantiateInput)["items"]
        made = job_templates.instantiate(tenant=self.tenant, template=template, items=items)
        return self.all_shown(JobShape, made, status=201)

    def _previewed(self, job: Job) -> dict[str, Any]:
        now = timezone.now()
        pairs = selectors.upcoming(job, now, _FIRES)
        runs = zip(fires.of_job(job, now, pairs), pairs, strict=True)
        told = {"job": job, "next": [{**run, "schedule": schedule.pk} for run, (_, schedule) in runs]}
        return dict(TemplatePreviewShape(told, context=self.get_serializer_context()).data)

    def _diff(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        found = dry_runs.diff(before, after)
        if "body" in found and not actors.current().may(SCOPE):
            found["body"] = [None, None]
        return found

    def _answer(self, before: Mapping[str, Any], template: JobTemplate, *, status: int = 200) -> Response:
        """It as it is now; of a dry run, what would have become of it."""
        if not self.is_dry:
            return self.tagged(self.shown(TemplateShape, template, status=status), template)
        changed = self._diff(before, descriptions.of_template(template))
        outcome = dry_runs.CREATED if not before else dry_runs.UPDATED if changed else dry_runs.UNCHANGED
        shown = TemplateShape(template, context=self.get_serializer_context()).data
        return dry_runs.tried(outcome, changed, template=shown)
