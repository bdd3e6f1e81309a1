"""``POST /executions/bulk``: the same done to all executions that a filter finds, or that are named."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import sql
from jobs.api import execution_filters
from jobs.api.shapes.operations import BulkInput, BulkPreviewShape, OperationShape
from jobs.services import operations
from jobs.services.operations import Wanted
from tenants import actors
from tenants.api.dry_runs import DRY_RUN, DryRuns
from tenants.api.parameters import Parameter
from tenants.api.views import TenantViewSet


class Bulk(DryRuns, TenantViewSet):
    """Adds the action to a view whose list declares the filters."""

    def declared_parameters(self) -> tuple[Parameter, ...]:
        return (DRY_RUN,) if self.action == "bulk" else super().declared_parameters()

    @extend_schema(
        request=BulkInput,
        responses={202: OperationShape, 200: OpenApiResponse(BulkPreviewShape, description="With dry_run.")},
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:  # noqa: ARG002 - DRF hands it to every action
        """Cancel or replay many, as an operation that goes on by itself. Executions made later are not touched."""
        given: Any = self.body(BulkInput)
        wish = {"tenant": self.tenant, "kind": given["action"], "wanted": self._wanted(given)}
        if self.is_dry:
            found = operations.preview(**wish)
            told = {"kind": given["action"], "matched": found.matched, "matched_is_capped": found.is_capped}
            sample = found.sample if actors.may("executions:read") else []
            return self.shown(BulkPreviewShape, {"dry_run": True, **told, "sample": sample})
        asked = {name: given[name] for name in ("reason", "rate_per_second", "payload") if name in given}
        return self.shown(OperationShape, operations.create(**wish, **asked), status=202)

    def _wanted(self, given: dict[str, Any]) -> Wanted:
        if "ids" in given:
            return Wanted(conditions={}, ids=given["ids"])
        return execution_filters.read(self.tenant, given.get("filter", {}), sql.run("clock")[0].now)
