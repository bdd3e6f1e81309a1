"""How much a tenant may have, and which queues and job types are granted to it. For operators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction

from tenants import actors, context, errors
from tenants.models import Tenant
from tenants.rules import permissions
from tenants.services import audit

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_LISTS = ("allowed_queues", "allowed_job_types")


class QuotaFields(TypedDict, total=False):
    """What is left out stays; None is the installation's default."""

    max_jobs: int | None
    max_schedules: int | None
    max_unfinished: int | None
    max_log_bytes: int | None
    retention_days: int | None
    allowed_queues: Sequence[str]
    allowed_job_types: Sequence[str]


def change(*, tenant: Tenant, fields: QuotaFields) -> Tenant:
    """Store them. A lowered quota takes nothing away: more is refused until there is less."""
    actors.require(permissions.PLATFORM)
    for name in _LISTS:
        _check_names(name, fields.get(name, ()))  # type: ignore[arg-type]
    with transaction.atomic(), context.within(context.PLATFORM):
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        changes = {name: [getattr(tenant, name), value] for name, value in fields.items()}
        changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
        for name, (_, value) in changes.items():
            setattr(tenant, name, value)
        try:
            tenant.clean_fields()
        except ValidationError as error:
            raise errors.invalid(error.message_dict) from None
        if changes:
            tenant.save(update_fields=list(changes))
            audit.record(
                action="tenant.updated", object_type="tenant", object_id=tenant.pk, tenant=tenant, changes=changes
            )
    return tenant


def _check_names(field: str, names: Sequence[str]) -> None:
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        message = f"{wrong[0]!r} is no name: see /queues and /job-types"
        raise errors.Invalid.about(field, message)
