"""``/schedules/preview`` and ``/schedules/{id}/preview``: what a schedule says before it fires."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, previews, selectors, triggers
from jobs.api import lookups
from jobs.api.shapes.previews import PreviewShape, shown
from jobs.api.shapes.schedules import PreviewInput
from tenants.api.parameters import instant, whole
from tenants.api.views import TenantViewSet


class PreviewViewSet(TenantViewSet):
    """Rules in words and in slots."""

    queryset = selectors.schedules().select_related("job__tenant")
    serializer_class = PreviewShape
    noun = "schedule"
    read_scope = write_scope = "jobs:read"
    refusals = dict.fromkeys(("preview", "preview_of"), (errors.InvalidSchedule,))
    query_parameters = {
        "preview_of": (
            instant("after", "", "Slots after this instant; now."),
            whole("count", 1, 100, "How many.", default=5),
        )
    }

    @extend_schema(request=PreviewInput, responses=PreviewShape)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a rule that need not be stored means: in words and slots, at clock changes, and what may not be meant."""
        fields: Any = self.body(PreviewInput)
        named, now = fields.pop("job", None), timezone.now()
        job = lookups.job_in_body(self.tenant, named) if named else None
        asked = {"after": fields.pop("after", now), "count": fields.pop("count"), "now": now}
        with _refusing():
            found = previews.of_rule(self.tenant, fields, job=job, **asked)
        return self.shown(PreviewShape, shown(found))

    @extend_schema(responses=PreviewShape)
    @action(detail=True, url_path="preview", url_name="preview-of")
    def preview_of(self, request: Request, id: str) -> Response:
        """The same of a stored schedule."""
        now = timezone.now()
        asked = {"after": self.query.get("after") or now, "count": self.query.get("count", 5), "now": now}
        with _refusing():
            found = previews.of_schedule(self.row(), **asked)
        return self.shown(PreviewShape, shown(found))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except triggers.InvalidSchedule as error:
        raise errors.InvalidSchedule.about(error.field, error.message) from None
