"""What is done about failures of one kind at once: run them again, or let them go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.models import Operation
from jobs.rules import identity
from jobs.rules.states import State
from jobs.services import operations
from jobs.services.operations import Wanted
from tenants import actors
from tenants.models import Tenant


def retry(
    *,
    tenant: Tenant,
    fingerprint: str,
    since: datetime,
    job_id: UUID | None = None,
    reason: str,
    rate_per_second: float | None = None,
    payload: Mapping[str, Any] | None = None,
    canary: int | None = None,
    canary_must_succeed: int | None = None,
) -> Operation:
    """Replay those that nobody has replayed yet, and close their dead letters as redriven."""
    actors.require("executions:run", tenant=tenant)
    return operations.create(
        tenant=tenant, kind="redrive", wanted=group(fingerprint, since, job_id), reason=reason,
        rate_per_second=rate_per_second, payload=payload, canary=canary, canary_must_succeed=canary_must_succeed,
    )  # fmt: skip


def resolve(
    *,
    tenant: Tenant,
    fingerprint: str,
    since: datetime,
    job_id: UUID | None = None,
    reason: str,
    rate_per_second: float | None = None,
) -> Operation:
    """Close their dead letters as discarded; nothing runs."""
    actors.require("executions:run", tenant=tenant)
    wanted = group(fingerprint, since, job_id)
    return operations.create(
        tenant=tenant, kind="discard", wanted=wanted, reason=reason, rate_per_second=rate_per_second
    )


def group(fingerprint: str, since: datetime, job_id: UUID | None = None) -> Wanted:
    """The failed executions of a group, as an operation takes them."""
    conditions: dict[str, Any] = {
        "state__in": [State.FAILED.value], "error_fingerprint": fingerprint, "id__gte": identity.floor_id(since),
    }  # fmt: skip
    asked = {
        "state": ["failed"],
        "fingerprint": fingerprint,
        "created_at[gte]": since.isoformat().replace("+00:00", "Z"),
    }
    if job_id is not None:
        conditions["job_id"], asked["job"] = job_id, str(job_id)
    return Wanted(conditions=conditions, asked=asked)
