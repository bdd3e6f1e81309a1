"""``/quotas`` and what of ``/tenants/{slug}`` is about jobs: defaults and usage."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import errors
from jobs.api.shapes.tenants import DefaultsInput, DefaultsShape, StandingShape, UsageShape
from jobs.services import job_defaults, usage
from tenants import context
from tenants.api import fields
from tenants.api.parameters import Parameter
from tenants.api.tenants import NamedTenants
from tenants.api.views import TenantViewSet
from tenants.models import Tenant
from tenants.rules import permissions

_SHOWN = timedelta(days=29)


def day(name: str, description: str) -> Parameter:
    """A day in UTC."""

    def read(sent: str) -> date:
        try:
            found: date = serializers.DateField().run_validation(sent)
        except serializers.ValidationError:
            raise ValueError("must be a day, such as 2026-01-31") from None
        if not fields.EARLIEST.date() <= found < fields.LATEST.date():
            raise ValueError(f"must lie between {fields.EARLIEST.year} and the end of {fields.LATEST.year - 1}")
        return found

    return Parameter(name, read, description, schema={"type": "string", "format": "date"})


class QuotaViewSet(TenantViewSet):
    """What this tenant may have, and has. Without a limit is what neither it nor the installation bounds."""

    queryset = Tenant.objects.none()
    serializer_class = StandingShape
    noun = "quota"
    read_scope = write_scope = "jobs:read"

    def list(self, request: Request) -> Response:
        """Each quota, with what is used of it."""
        return self.complete(StandingShape, usage.standings(self.tenant))


class TenantJobsViewSet(NamedTenants):
    """Defaults and usage of a tenant. In paths `{id}` is the slug."""

    serializer_class = DefaultsShape
    read_scope = write_scope = permissions.ADMIN
    query_parameters = {
        "usage": (day("from", "First day, in UTC; 29 days before the last."), day("to", "Last day, in UTC; today."))
    }

    @extend_schema(responses=DefaultsShape)
    @action(detail=True, methods=["get"])
    def defaults(self, request: Request, id: str) -> Response:
        """What its jobs and schedules have unless they say otherwise."""
        return self.shown(DefaultsShape, self.ruled())

    @extend_schema(request=DefaultsInput, responses=DefaultsShape)
    @defaults.mapping.patch
    def change_defaults(self, request: Request, id: str) -> Response:
        """Change some of it, for jobs and schedules made from now on; none that is stored changes."""
        given: Any = self.body(DefaultsInput, partial=True)
        return self.shown(DefaultsShape, job_defaults.change(tenant=self.ruled(), fields=given))

    @extend_schema(responses=UsageShape)
    @action(detail=True, methods=["get"])
    def usage(self, request: Request, id: str) -> Response:
        """What it has used by day, up to a minute ago, and what has not ended now."""
        until = self.query.get("to") or timezone.now().date()
        since = self.query.get("from") or until - _SHOWN
        if not 0 <= (until - since).days < usage.MOST_DAYS:
            raise errors.invalid({"to": [f"must be from the first day on, at most {usage.MOST_DAYS} days in all"]})
        tenant = self.ruled()
        with context.within(context.PLATFORM):
            shown = {
                "data": usage.days(tenant, since=since, until=until),
                "now": usage.now(tenant),
                "counted_up_to": usage.COUNTED_UP_TO,
            }
            return self.shown(UsageShape, shown)
