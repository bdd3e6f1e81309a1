"""Approvals, and the executions that wait for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.support import ids, rows

WEEK = timedelta(days=7)


def waiting(tenant: UUID, *, of: Any = None, execution: UUID | None = None, **columns: Any) -> UUID:
    """One that waits for anybody's decision, of a blocked execution."""
    job = of or rows.job(tenant)
    execution = execution or rows.execution(job, "blocked", epoch=1)
    approval: UUID = ids.child_of(execution)
    defaults: dict[str, Any] = {
        "id": approval, "tenant_id": tenant, "job_id": job[0], "execution_id": execution, "question": "Deploy now?",
        "state": "waiting", "roles": "[]", "members": "[]", "api_keys": "[]", "not_by_requester": False, "requested_by": "",
        "until": rows.now() + WEEK, "by_default": "fail", "decided_by": "", "reason": "", "created_at": rows.now(),
    }  # fmt: skip
    rows.insert("approval", **(defaults | columns))
    return approval


def state(approval: Any) -> str:
    found: str = rows.fetch("SELECT state FROM approval WHERE id = %s", approval)[0][0]
    return found
