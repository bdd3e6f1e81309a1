"""``/tags``: what jobs are tagged with, and holding everything that carries a tag."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors, paused_tags
from jobs.api.shapes.tags import TagPauseInput, TagShape
from jobs.models import Tag
from jobs.services import tags
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.views import TenantViewSet


class TagViewSet(TenantViewSet):
    """Tags of this tenant's jobs. In paths `{id}` is the tag."""

    queryset = Tag.objects.all()
    serializer_class = TagShape
    noun = "tag"
    keyset = "tag"
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    lookup_value_converter = "path"  # a tag may hold a slash
    named_by = "tag"
    refusals = {"resume": (errors.InvalidState,)}
    query_parameters = {"list": PAGED}

    def get_queryset(self) -> QuerySet[Any]:
        return paused_tags.counted(paused_tags.in_use(timezone.now()).filter(tenant=self.tenant.pk))

    def row(self) -> Tag:
        name = self.kwargs["id"]
        found: Tag | None = self.get_queryset().filter(tag=name).first() if "\0" not in name else None
        if found is None:
            raise self.missing()
        return found

    def list(self, request: Request) -> Response:
        """Tags that jobs carry or that are paused, by name."""
        return self.listed(TagShape, self.get_queryset())

    @extend_schema(request=TagPauseInput)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: str) -> Response:
        """Start nothing more of any job that carries it until then, or until it is resumed; what runs goes on."""
        tag = self.row()
        wish = self.body(TagPauseInput)
        tags.pause(tag=tag, reason=wish["reason"], until=wish.get("until"))
        return self.shown(TagShape, self.row())

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, id: str) -> Response:
        """Let everything that carries it go on; misfire policies decide about the slots in between."""
        tag = self.row()
        self.body(NoFields)
        tags.resume(tag=tag)
        return self.shown(TagShape, self.row())
