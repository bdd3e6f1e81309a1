"""What a tenant's jobs and schedules have unless they say otherwise. Its own administrators set it.

A default is copied into a job or a schedule when that is made. Changing it changes none that is stored; only jobs
declared in code follow, since what code does not mention is brought to the default at each sync.
"""

from __future__ import annotations

from typing import Any, TypedDict

from django.conf import settings
from django.db import transaction

from jobs import errors, sql
from jobs.rules import calendar_names, retry_fields
from jobs.triggers import zones
from tenants import actors
from tenants.models import Tenant
from tenants.services import tenant_columns


class DefaultFields(TypedDict, total=False):
    """What is left out stays; empty ones are the product's own defaults."""

    timezone: str
    calendars: list[dict[str, Any]]
    timeout_seconds: float | None
    retry: dict[str, Any]


def of_jobs(tenant: Tenant) -> dict[str, Any]:
    """What a job has that names none: its tenant's, else the installation's."""
    own: dict[str, Any] = {"timeout_seconds": tenant.default_timeout_seconds, "retry": tenant.default_retry}
    found = {name: value or settings.JOB_DEFAULTS[name] for name, value in own.items()}
    return {name: value for name, value in found.items() if value}


def of_schedules(tenant: Tenant) -> dict[str, Any]:
    """What a schedule has that names none."""
    own = {"timezone": tenant.default_timezone, "calendars": tenant.default_calendars}
    return {name: value for name, value in own.items() if value}


def change(*, tenant: Tenant, fields: DefaultFields) -> Tenant:
    """Store them, for jobs and schedules made from now on."""
    actors.require_ruler(tenant)
    _check(fields)
    if "calendars" in fields:
        fields = {**fields, "calendars": _calendars(tenant, fields["calendars"])}
    try:
        return tenant_columns.store(tenant, {f"default_{name}": value for name, value in fields.items()})
    except errors.Invalid as error:
        told = {column.removeprefix("default_"): messages for column, messages in error.details.items()}
        raise errors.invalid(told) from None


def _calendars(tenant: Tenant, given: Any) -> list[dict[str, Any]]:
    try:
        named = calendar_names.parse(given)
    except calendar_names.InvalidUse as error:
        raise errors.invalid({error.field: [error.message]}) from None
    with transaction.atomic():
        wanted = [each.calendar for each in named]
        known = {row.name for row in sql.run("hold_calendars", tenant_id=tenant.pk, names=wanted)} if wanted else set()
    for index, name in enumerate(wanted):
        if name not in known:
            raise errors.invalid({f"calendars[{index}].calendar": [f"there is no calendar named {name!r}"]})
    return [each.told() for each in named]


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
