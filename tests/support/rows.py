"""Rows arranged by the superuser, in any state a test needs. Ids are as the product makes them: the newest are first on a list."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from jobs.rules import identity
from jobs.rules.states import TERMINAL, State
from tenants.fields import new_id
from tests.support import servers


def insert(table: str, **columns: Any) -> None:
    """One row; dicts and lists of dicts as jsonb."""
    values = {name: json.dumps(value) if _is_json(value) else value for name, value in columns.items()}
    names, marks = ", ".join(values), ", ".join(f"%({name})s" for name in values)
    servers.kept_superuser().execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)


def _is_json(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict) for each in value))


def fetch(query: str, *parameters: Any) -> list[Any]:
    """Rows of a query, seen by the superuser."""
    return servers.kept_superuser().execute(query, parameters).fetchall()


def change(statement: str, *parameters: Any, **named: Any) -> None:
    """Run a statement as the superuser, with parameters by place or by name."""
    servers.kept_superuser().execute(statement, named or parameters or None)


def now() -> datetime:
    return datetime.now(UTC)


def tenant(**columns: Any) -> UUID:
    """A tenant; returns its id."""
    identifier = new_id()
    defaults = {
        "id": identifier, "slug": f"t-{secrets.token_hex(6)}", "name": "T", "state": "active", "weight": 1, "max_running": None,
        "allowed_hosts": "[]", "allowed_callables": "[]", "created_at": now(),
    }  # fmt: skip
    insert("tenant", **(defaults | columns))
    return identifier


def membership(tenant_id: UUID, user_id: Any, role: str = "viewer", **columns: Any) -> UUID:
    """Somebody's in a tenant; returns its id."""
    identifier = new_id()
    defaults = {"id": identifier, "tenant_id": tenant_id, "user_id": user_id, "role": role, "created_at": now()}
    insert("membership", **(defaults | columns))
    return identifier


def job(tenant_id: UUID | None = None, *, retry: dict[str, Any] | None = None, **columns: Any) -> Any:
    """A dummy job with its first revision; returns (id, tenant id)."""
    owner = tenant_id or tenant()
    identifier = new_id()
    spec = {
        "type": columns.get("type", "dummy"),
        "payload": columns.get("payload", {}),
        "timeout_seconds": 60,
        "retry": retry or {},
    }
    defaults = {
        "id": identifier, "tenant_id": owner, "name": f"job-{secrets.token_hex(6)}", "type": "dummy", "description": "", "category": "",
        "state": "active", "revision": 1, "payload": {}, "queue_id": "default", "priority": 5, "timeout_seconds": 60, "max_running": None,
        "overlap": "allow", "retry": retry or {}, "owner": "", "created_at": now(), "updated_at": now(),
    }  # fmt: skip
    insert("job", **(defaults | columns))
    insert(
        "job_revision",
        id=new_id(),
        tenant_id=owner,
        job_id=identifier,
        number=1,
        spec=spec,
        created_at=now(),
        created_by="",
    )
    return identifier, owner


def schedule(of: Any, **columns: Any) -> UUID:
    """A per-second cron schedule of a job."""
    identifier = new_id()
    defaults = {
        "id": identifier, "job_id": of[0], "tenant_id": of[1], "kind": "cron", "expression": "* * * * * *", "timezone": "UTC",
        "dst_gap": "run_after_gap", "dst_fold": "first", "misfire": "last", "misfire_max": 1, "misfire_grace_seconds": 60,
        "catch_up_window_seconds": 86_400, "state": "active", "problem": "", "planned_until": now(), "created_at": now(), "updated_at": now(),
    }  # fmt: skip
    insert("schedule", **(defaults | columns))
    return identifier


def dependency(upstream: Any, downstream: Any, **columns: Any) -> UUID:
    """An edge between two jobs of a tenant."""
    identifier = identity.request_id(now())
    defaults = {
        "id": identifier, "tenant_id": downstream[1], "upstream_id": upstream[0], "downstream_id": downstream[0], "mode": "start",
        "trigger_rule": "all_success", "condition": "", "gate_timeout_seconds": 86_400, "created_at": now(), "updated_at": now(),
    }  # fmt: skip
    insert("dependency", **(defaults | columns))
    return identifier


def execution(of: Any, state: str = State.SCHEDULED, **columns: Any) -> UUID:
    """An execution in any state, with what that state needs."""
    identifier = columns.pop("id", None) or identity.request_id(now())
    defaults: dict[str, Any] = {
        "id": identifier, "job_id": of[0], "tenant_id": of[1], "revision": 1, "trigger": "manual", "triggered_by": "", "state": state,
        "reason": "MISFIRE" if state == State.SKIPPED else "", "not_before": now() - timedelta(seconds=1), "queue_id": "default", "priority": 5,
        "timeout_seconds": 60, "max_attempts": 3, "error_code": "", "error_message": "", "error_fingerprint": "", "attempt": 1, "crashes": 0,
        "epoch": 1 if state == State.RUNNING else 0, "waiting_on": "", "created_at": now(),
    }  # fmt: skip
    if state in TERMINAL:
        defaults["finished_at"] = now()
    if state == State.RUNNING:
        defaults |= {"started_at": now(), "worker_id": uuid4(), "worker_pid": 1}
    insert("execution", **(defaults | columns))
    return identifier


def state_of(execution_id: UUID) -> str:
    """An execution's state."""
    return fetch("SELECT state FROM execution WHERE id = %s", execution_id)[0][0]


def worker(
    *,
    concurrency: int = 2,
    queues: tuple[str, ...] = ("default",),
    pids: tuple[int, ...] = (1,),
    lease: float = 600,
    **columns: Any,
) -> UUID:
    """A worker with a lease that lasts ``lease`` seconds."""
    identifier = new_id()
    defaults = {
        "id": identifier, "name": "w@test", "queues": list(queues), "pool": "prefork", "concurrency": concurrency, "pid": 1, "pids": list(pids),
        "draining": False, "started_at": now(), "renewed_at": now(), "lease_expires_at": now() + timedelta(seconds=lease),
    }  # fmt: skip
    insert("worker", **(defaults | columns))
    return identifier


def dead_worker() -> UUID:
    """A worker whose lease is over: what it runs is lost."""
    return worker(lease=-1)
