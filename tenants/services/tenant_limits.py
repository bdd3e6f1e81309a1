"""What a tenant gets: its share, caps and rate, the private hosts, callables and tasks its jobs may call. For operators."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from tenants import actors, errors
from tenants.models import Tenant
from tenants.rules import permissions
from tenants.services import tenant_columns, throttles

_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_CALLABLE = re.compile(r"[\w.:*-]{1,200}")
_TASK = re.compile(r"[\w.:/*-]{1,200}")
_FIELDS = (
    "name", "weight", "max_running", "rate_limit", "rate_burst", "api_rate_limit", "allowed_hosts", "allowed_callables",
    "allowed_tasks",
    "allow_network", "allow_requirements",
)  # fmt: skip


def change(
    *,
    tenant: Tenant,
    name: str,
    weight: int,
    max_running: int | None,
    rate_limit: str,
    rate_burst: int | None,
    api_rate_limit: str,
    allowed_hosts: Sequence[str],
    allowed_callables: Sequence[str],
    allowed_tasks: Sequence[str],
    allow_network: bool,
    allow_requirements: bool,
) -> Tenant:
    """Store new limits. A raised cap is used from the next admission on; nothing in flight is stopped by a lowered one."""
    wanted = {
        "name": name,
        "weight": weight,
        "max_running": max_running,
        "rate_limit": rate_limit,
        "rate_burst": rate_burst,
        "api_rate_limit": api_rate_limit,
        "allowed_hosts": list(allowed_hosts),
        "allowed_callables": list(allowed_callables),
        "allowed_tasks": list(allowed_tasks),
        "allow_network": allow_network,
        "allow_requirements": allow_requirements,
    }
    return merge(tenant=tenant, fields=wanted)


def merge(*, tenant: Tenant, fields: Mapping[str, Any]) -> Tenant:
    """Change some of them; what is left out stays."""
    actors.require(permissions.PLATFORM)
    check(fields.get("allowed_hosts", ()), fields.get("allowed_callables", ()), fields.get("allowed_tasks", ()))
    return tenant_columns.store(tenant, fields)


def throttle(*, tenant: Tenant, max_running: int, until: datetime) -> Tenant:
    """Let at most ``max_running`` of its executions be in flight until then."""
    with transaction.atomic():
        tenant = _lock(tenant)
        throttles.throttle(tenant, tenant=tenant, max_running=max_running, until=until)
    return tenant


def unthrottle(*, tenant: Tenant) -> Tenant:
    """End its throttle before its time; does nothing without one."""
    with transaction.atomic():
        tenant = _lock(tenant)
        throttles.lift(tenant, tenant=tenant)
    return tenant


def _lock(tenant: Tenant) -> Tenant:
    actors.require(permissions.PLATFORM)
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def check(allowed_hosts: Sequence[str], allowed_callables: Sequence[str], allowed_tasks: Sequence[str]) -> None:
    """Refuse entries that mean nothing, by the list they stand in."""
    _check_hosts(allowed_hosts)
    _check_callables(allowed_callables)
    _check_tasks(allowed_tasks)


def told(tenant: Tenant) -> dict[str, Any]:
    """What :func:`change` takes, as it is now."""
    return {field: getattr(tenant, field) for field in _FIELDS}


def _check_hosts(entries: Sequence[str]) -> None:
    wrong = [entry for entry in entries if not (_HOST.fullmatch(entry) or _is_network(entry))]
    if wrong:
        message = (
            f"{wrong[0]!r} is no host, host:port, address or network: write for example api.internal:8080 or 10.0.0.0/8"
        )
        raise errors.Invalid.about("allowed_hosts", message)


def _check_callables(patterns: Sequence[str]) -> None:
    wrong = [pattern for pattern in patterns if not _CALLABLE.fullmatch(pattern)]
    if wrong:
        message = f"{wrong[0]!r} is no callable's name or pattern: write for example shop.jobs:settle or shop.jobs:*"
        raise errors.Invalid.about("allowed_callables", message)


def _check_tasks(patterns: Sequence[str]) -> None:
    wrong = [pattern for pattern in patterns if not _TASK.fullmatch(pattern)]
    if wrong:
        message = f"{wrong[0]!r} is no task's name or pattern: write for example shop.tasks.settle or shop.tasks.*"
        raise errors.Invalid.about("allowed_tasks", message)


def _is_network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return False
    return True
