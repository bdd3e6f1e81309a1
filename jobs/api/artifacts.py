"""``/artifacts``: what executions left behind; listed at ``/executions/{id}/artifacts``."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import artifact_download, errors, selectors
from jobs.api.shapes.artifacts import ArtifactShape
from jobs.models import Artifact, ArtifactState
from jobs.services import artifacts
from tenants.api.views import TenantViewSet

_FILE = "application/octet-stream"


def _header(name: str, says: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=says)


class ExecutionArtifactViewSet(TenantViewSet):
    """Artifacts of one execution."""

    queryset = selectors.executions()
    serializer_class = ArtifactShape
    noun = "execution"
    read_scope = "executions:read"
    write_scope = "executions:run"

    @extend_schema(responses=ArtifactShape(many=True))
    @action(detail=True)
    def artifacts(self, request: Request, id: str) -> Response:
        """What it left behind beside its result, by name."""
        return self.complete(ArtifactShape, selectors.artifacts(self.row().pk))


class ArtifactViewSet(TenantViewSet):
    """Artifacts of this tenant's executions."""

    queryset = Artifact.objects.exclude(state=ArtifactState.DELETED).select_related("tenant")
    serializer_class = ArtifactShape
    noun = "artifact"
    read_scope = "executions:read"
    write_scope = "executions:run"
    action_scopes = {"content": "payloads:read"}
    refusals = {"content": (errors.Gone, errors.BadRange)}
    answers_files = {"content": (_FILE, "text/csv", "text/plain", "application/pdf", "image/png")}

    def retrieve(self, request: Request, id: str) -> Response:
        """One artifact, without its bytes."""
        return self.shown(ArtifactShape, self.row())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete it before its time."""
        artifacts.delete(artifact=self.row())
        return Response(status=204)

    @extend_schema(
        parameters=[
            _header("Range", "One range of its bytes, answered with 206."),
            _header("If-Range", "Only if its ETag is this one; else all of it."),
            _header("If-None-Match", "304 if its ETag is among these."),
        ],
        responses={
            (200, _FILE): OpenApiResponse(OpenApiTypes.BINARY, description="Its bytes, as an attachment."),
            (206, _FILE): OpenApiResponse(OpenApiTypes.BINARY, description="Those of the range."),
            304: OpenApiResponse(description="You have it."),
        },
    )
    @action(detail=True)
    def content(self, request: Request, id: str) -> HttpResponseBase:
        """Its bytes, to be saved. The ETag is their SHA-256."""
        return artifact_download.answer(self.row(), request.headers)
