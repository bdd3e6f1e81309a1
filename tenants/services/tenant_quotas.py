"""How much a tenant may have, and which queues and job types are granted to it. For operators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from tenants import actors, errors
from tenants.models import Tenant
from tenants.rules import permissions
from tenants.services import tenant_columns

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_LISTS = ("allowed_queues", "allowed_job_types")


class QuotaFields(TypedDict, total=False):
    """What is left out stays; None is the installation's default."""

    max_jobs: int | None
    max_schedules: int | None
    max_unfinished: int | None
    max_log_bytes: int | None
    max_artifact_bytes: int | None
    max_file_bytes: int | None
    retention_days: int | None
    artifact_days: int | None
    allowed_queues: Sequence[str]
    allowed_job_types: Sequence[str]


def change(*, tenant: Tenant, fields: QuotaFields) -> Tenant:
    """Store them. A lowered quota takes nothing away: more is refused until there is less."""
    actors.require(permissions.PLATFORM)
    for name in _LISTS:
        _check_names(name, fields.get(name, ()))  # type: ignore[arg-type]
    return tenant_columns.store(tenant, fields)


def _check_names(field: str, names: Sequence[str]) -> None:
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        message = f"{wrong[0]!r} is no name: see /queues and /job-types"
        raise errors.Invalid.about(field, message)
