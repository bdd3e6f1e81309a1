"""Making tenants and holding their work. For the platform's operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenants import actors, context, errors
from tenants.models import Tenant, TenantState
from tenants.rules import permissions
from tenants.services import audit, tenant_columns, tenant_limits


def create(
    *,
    slug: str,
    name: str,
    weight: int = 1,
    max_running: int | None = None,
    rate_limit: str = "",
    rate_burst: int | None = None,
    api_rate_limit: str = "",
    allowed_hosts: Sequence[str] = (),
    allowed_callables: Sequence[str] = (),
    allowed_tasks: Sequence[str] = (),
    allow_network: bool = False,
    allow_requirements: bool = False,
) -> Tenant:
    """A new tenant, active."""
    actors.require(permissions.PLATFORM)
    tenant_limits.check(allowed_hosts, allowed_callables, allowed_tasks)
    tenant = Tenant(
        slug=slug,
        name=name,
        weight=weight,
        max_running=max_running,
        rate_limit=rate_limit,
        rate_burst=rate_burst,
        api_rate_limit=api_rate_limit,
        allowed_hosts=list(allowed_hosts),
        allowed_callables=list(allowed_callables),
        allowed_tasks=list(allowed_tasks),
        allow_network=allow_network,
        allow_requirements=allow_requirements,
    )
    try:
        tenant.clean_fields()
        with transaction.atomic(), context.within(context.PLATFORM):
            tenant.save(force_insert=True)
            told = {"slug": slug, **tenant_limits.told(tenant)}
            _record("tenant.created", tenant, {field: [None, value] for field, value in told.items()})
    except ValidationError as error:
        raise errors.invalid(error.message_dict) from None
    except IntegrityError:
        message = f"{slug!r} is taken: choose another"
        raise errors.ServiceError.about("slug", message) from None
    return tenant


def rename(*, tenant: Tenant, name: str) -> Tenant:
    """What its own administrators may call it; its slug stays."""
    actors.require_ruler(tenant)
    return tenant_columns.store(tenant, {"name": name})


def suspend(*, tenant: Tenant, reason: str = "") -> None:
    """Hold its schedules, refuse its keys, start nothing more of it; what runs goes on to its end.

    ``reason`` is told to whoever is refused.
    """
    _become(tenant, TenantState.SUSPENDED, "tenant.suspended", reason)


def activate(*, tenant: Tenant) -> None:
    """Go on; missed slots follow their schedules' misfire policies."""
    _become(tenant, TenantState.ACTIVE, "tenant.activated")


def _become(tenant: Tenant, state: TenantState, action: str, reason: str = "") -> None:
    actors.require(permissions.PLATFORM)
    with transaction.atomic(), context.within(context.PLATFORM):
        before, changed = tenant.state, {"state": state, "suspension_reason": reason}
        if Tenant.objects.filter(pk=tenant.pk).exclude(state=state).update(**changed):
            _record(action, tenant, {"state": [before, state]}, reason)
    tenant.state, tenant.suspension_reason = state, reason


def _record(action: str, tenant: Tenant, changes: Mapping[str, object], reason: str = "") -> None:
    audit.record(
        action=action, object_type="tenant", object_id=tenant.pk, tenant=tenant, changes=changes, reason=reason
    )
