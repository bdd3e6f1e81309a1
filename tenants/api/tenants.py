"""``/tenants``: the platform's operators make, limit and hold them; a tenant's own administrators name theirs."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import actors, context, errors
from tenants.api.fields import NoFields
from tenants.api.pagination import PAGED
from tenants.api.tenant_shapes import NewTenant, Suspension, TenantChanges, TenantShape, ThrottleWish
from tenants.api.views import ApiViewSet
from tenants.models import Tenant
from tenants.rules import permissions
from tenants.services import tenant_limits, tenant_quotas
from tenants.services import tenants as service

_OF_QUOTAS = set(tenant_quotas.QuotaFields.__annotations__)


class NamedTenants(ApiViewSet):
    """In paths `{id}` is the slug. All tenants of who asks: their own, and everybody's with `platform`."""

    queryset = Tenant.objects.all()
    keyset = "slug"
    named_by = "slug"
    noun = "tenant"
    open_to_platform = True

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if actors.current().may(permissions.PLATFORM):
            return rows
        return rows.filter(pk=self.tenant.pk)

    def row(self) -> Tenant:
        slug = self.kwargs["id"]
        with context.within(context.PLATFORM):
            tenant = self.get_queryset().filter(slug=slug).first() if "\0" not in slug else None
        if tenant is None:
            raise self.missing()
        return tenant  # type: ignore[no-any-return]

    def ruled(self) -> Tenant:
        """The tenant the path names, for who administers it or all."""
        tenant = self.row()
        actors.require_ruler(tenant)
        return tenant


class TenantsViewSet(NamedTenants):
    """Tenants. In paths `{id}` is the slug. A key sees its own tenant; one with the scope `platform` sees all."""

    serializer_class = TenantShape
    read_scope = permissions.ADMIN
    write_scope = permissions.PLATFORM
    action_scopes = {"list": permissions.PLATFORM, "partial_update": permissions.ADMIN}
    refusals = {"create": (errors.ServiceError,)}
    query_parameters = {"list": PAGED}

    def list(self, request: Request) -> Response:
        """Every tenant, by slug."""
        with context.within(context.PLATFORM):
            return self.listed(TenantShape, self.get_queryset())

    @extend_schema(request=NewTenant, responses={201: TenantShape})
    def create(self, request: Request) -> Response:
        """A new tenant, active. Its first administrator is invited by the platform, or made at the console."""
        given: Any = self.body(NewTenant)
        quotas = _taken(given)
        with transaction.atomic():
            tenant = service.create(**given)
            if quotas:
                tenant = tenant_quotas.change(tenant=tenant, fields=quotas)
        return self._stored(tenant, status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One tenant, by its slug: takes `admin` of its own, or `platform`."""
        return self._stored(self.ruled())

    @extend_schema(request=TenantChanges)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change some of it. Its own administrators change the name; all else takes `platform`."""
        tenant = self.ruled()
        given: Any = self.body(TenantChanges, partial=True)
        with transaction.atomic():
            if set(given) - {"name"}:
                actors.require(permissions.PLATFORM)
            if "name" in given:
                tenant = service.rename(tenant=tenant, name=given.pop("name"))
            if quotas := _taken(given):
                tenant = tenant_quotas.change(tenant=tenant, fields=quotas)
            if given:
                tenant = tenant_limits.merge(tenant=tenant, fields=given)
        return self._stored(tenant)

    @extend_schema(request=Suspension)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, id: str) -> Response:
        """Hold its schedules, refuse its keys and start nothing more of it; what runs goes on to its end."""
        tenant = self.row()
        service.suspend(tenant=tenant, reason=self.body(Suspension)["reason"])
        return self._stored(tenant)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, id: str) -> Response:
        """Go on; slots missed meanwhile follow their schedules' misfire policies."""
        tenant = self.row()
        self.body(NoFields)
        service.activate(tenant=tenant)
        return self._stored(tenant)

    @extend_schema(request=ThrottleWish)
    @action(detail=True, methods=["post"])
    def throttle(self, request: Request, id: str) -> Response:
        """Let at most `max_running` of its executions be in flight until an instant; it ends by itself."""
        tenant = self.row()
        wish: Any = self.body(ThrottleWish)
        with context.within(context.PLATFORM):
            return self._stored(tenant_limits.throttle(tenant=tenant, **wish))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def unthrottle(self, request: Request, id: str) -> Response:
        """End its throttle before its time."""
        tenant = self.row()
        self.body(NoFields)
        with context.within(context.PLATFORM):
            return self._stored(tenant_limits.unthrottle(tenant=tenant))

    def _stored(self, tenant: Tenant, *, status: int = 200) -> Response:
        with context.within(context.PLATFORM):
            return self.shown(TenantShape, Tenant.objects.get(pk=tenant.pk), status=status)


def _taken(given: dict[str, Any]) -> Any:
    """What of a body is quotas', taken out of it."""
    return {name: given.pop(name) for name in _OF_QUOTAS & set(given)}
