"""Asking for an execution in Python, inside the caller's own transaction: it exists if and only if that commits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.callables import current
from jobs.models import Execution
from jobs.services import executions, jobs
from tenants.acting import acting_for
from tenants.errors import NotFound


def enqueue(
    job: str,
    *,
    tenant: str = "",
    by: str = "",
    payload: Mapping[str, Any] | None = None,
    run_at: datetime | None = None,
    dedup_key: str | None = None,
) -> Execution:
    """Run the tenant's job of that name now, or at ``run_at``, as ``POST /jobs/{name}/trigger`` does.

    Execution, audit row, quota and deduplication key belong to the transaction that is open on Carillon's connection, or
    to one of its own if none is; the engine is woken after the commit. What is refused undoes nothing of the caller's.

    ``tenant`` is a slug and ``by`` what the audit trail calls the caller; inside an attempt both are the attempt's own if
    left out.

    Raises:
        tenants.errors.ServiceError: the refusals of the API, a job or a tenant that is not there, or is suspended.
        ValueError: neither said nor known for whom, or by whom.
    """
    tenant, by = _who(tenant, by)
    with acting_for(tenant, name=by) as owner:
        found = jobs.named(tenant=owner, name=job)
        if found is None:
            raise NotFound.about("job", f"there is no job named {job!r} in the tenant {tenant}")
        return executions.trigger(job=found, payload=payload, run_at=run_at, dedup_key=dedup_key)


def _who(tenant: str, by: str) -> tuple[str, str]:
    running = current.context()
    if running is not None:
        tenant, by = tenant or running.tenant, by or f"execution {running.execution_id}"
    if not tenant or not by:
        raise ValueError('outside of an attempt, say for whom and by whom: enqueue("job", tenant="acme", by="shop")')
    return tenant, by
