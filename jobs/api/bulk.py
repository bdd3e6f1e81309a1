"""``POST /executions/bulk``: the same done to all executions that a filter finds, or that are named."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import sql
from jobs.api import execution_filters
from jobs.api.shapes.operations import BulkInput, BulkPreviewShape, OperationShape, RepeatInput
from jobs.services import operations
from jobs.services.operations import Preview, Wanted
from tenants import actors
from tenants.api.dry_runs import DRY_RUN, DryRuns
from tenants.api.parameters import Parameter
from tenants.api.views import ApiViewSet, TenantViewSet

#: Fields that go to the service as they are.
_PASSED_ON = [str(name) for name in RepeatInput().fields]


def previewed(view: ApiViewSet, kind: str, found: Preview) -> Response:
    """What an operation would be about; the first of it for who may see executions."""
    told = {"kind": kind, "matched": found.matched, "matched_is_capped": found.is_capped}
    sample = found.sample if actors.may("executions:read") else []
    return view.shown(BulkPreviewShape, {"dry_run": True, **told, "sample": sample})


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
        """Cancel, skip, replay or redrive many, as an operation that goes on by itself. Executions made later are not touched."""
        given: Any = self.body(BulkInput)
        wish = {"tenant": self.tenant, "kind": given["action"], "wanted": self._wanted(given)}
        if self.is_dry:
            return previewed(self, given["action"], operations.preview(**wish))
        asked = {name: given[name] for name in _PASSED_ON if name in given}
        return self.shown(OperationShape, operations.create(**wish, **asked), status=202)

    def _wanted(self, given: dict[str, Any]) -> Wanted:
        if "ids" in given:
            return Wanted(conditions={}, ids=given["ids"])
        return execution_filters.read(self.tenant, given.get("filter", {}), sql.run("clock")[0].now)
