"""What a tenant's jobs and schedules have unless they say otherwise. Its own administrators set it.

A default is copied into a job or a schedule when that is made. Changing it changes none that is stored; only jobs
declared in code follow, since what code does not mention is brought to the default at each sync.
"""

from __future__ import annotations

from typing import Any, TypedDict

from django.conf import settings

from jobs import errors
from jobs.rules import retry_fields
from jobs.triggers import zones
from tenants import actors
from tenants.models import Tenant
from tenants.services import tenant_columns


class DefaultFields(TypedDict, total=False):
    """What is left out stays; empty ones are the product's own defaults."""

    timezone: str
    timeout_seconds: float | None
    retry: dict[str, Any]


def of_jobs(tenant: Tenant) -> dict[str, Any]:
    """What a job has that names none: its tenant's, else the installation's."""
    own: dict[str, Any] = {"timeout_seconds": tenant.default_timeout_seconds, "retry": tenant.default_retry}
    found = {name: value or settings.JOB_DEFAULTS[name] for name, value in own.items()}
    return {name: value for name, value in found.items() if value}


def of_schedules(tenant: Tenant) -> dict[str, Any]:
    """What a schedule has that names none."""
    return {"timezone": tenant.default_timezone} if tenant.default_timezone else {}


def change(*, tenant: Tenant, fields: DefaultFields) -> Tenant:
    """Store them, for jobs and schedules made from now on."""
    actors.require_ruler(tenant)
    _check(fields)
    try:
        return tenant_columns.store(tenant, {f"default_{name}": value for name, value in fields.items()})
    except errors.Invalid as error:
        told = {column.removeprefix("default_"): messages for column, messages in error.details.items()}
        raise errors.invalid(told) from None


def _check(fields: DefaultFields) -> None:
    if name := fields.get("timezone"):
        try:
            zones.zone(name)
        except zones.UnknownZoneError as error:
            raise errors.invalid({"timezone": [str(error)]}) from None
    try:
        retry_fields.parse(fields.get("retry", {}))
    except retry_fields.InvalidRetry as error:
        field = "retry" if error.field == "retry" else f"retry.{error.field}"
        raise errors.invalid({field: [error.message]}) from None
