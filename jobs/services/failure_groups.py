"""What is done about failures of one kind at once: run them again, or let them go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from jobs.models import FailureResolution, Operation
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
    with_downstream: bool = False,
) -> Operation:
    """Replay those that nobody has replayed yet, and close their dead letters as redriven."""
    actors.require("executions:run", tenant=tenant)
    return operations.create(
        tenant=tenant, kind="redrive", wanted=group(fingerprint, since, job_id), reason=reason,
        rate_per_second=rate_per_second, payload=payload, canary=canary, canary_must_succeed=canary_must_succeed,
        with_downstream=with_downstream,
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
    """Close their dead letters as discarded, with the reason as their note; nothing runs. The kind of failure is taken for
    mended from now on, until it comes back."""
    actors.require("executions:run", tenant=tenant)
    wanted = group(fingerprint, since, job_id)
    with transaction.atomic():
        operation = operations.create(
            tenant=tenant, kind="discard", wanted=wanted, reason=reason, rate_per_second=rate_per_second
        )
        _take_for_mended(operation, fingerprint, job_id)
    return operation


def _take_for_mended(operation: Operation, fingerprint: str, job_id: UUID | None) -> None:
    said = {"note": operation.reason, "resolved_by": operation.created_by, "resolved_at": operation.created_at}
    row = FailureResolution(
        tenant=operation.tenant, fingerprint=fingerprint, job_id=job_id, operation_id=operation.pk, **said
    )
    FailureResolution.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["tenant", "fingerprint", "job"],
        update_fields=[*said, "operation_id"],
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
