"""Operations made and moved on as the product does: asked for over the API, done by an engine."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs.engine import operations
from jobs.services.operation_kinds import KINDS
from scheduler_project import celery  # noqa: F401 - steps ring through it
from tests.support import logins, rows
from tests.support.processes import eventually

BULK = "/api/v1/executions/bulk"


def bulk(of: Any, action: str, **fields: Any) -> dict[str, Any]:
    """What is asked of an actor's executions; the operation."""
    answer = of.api.post(BULK, {"action": action, "reason": "because", "rate_per_second": 500, **fields})
    assert answer.status_code == 202, answer.content
    made: dict[str, Any] = answer.json()
    return made


def seen(of: Any, operation: Any) -> dict[str, Any]:
    """How it stands."""
    found: dict[str, Any] = of.api.get(f"/api/v1/operations/{operation['id']}").json()
    return found


def state(operation: Any) -> str:
    found: str = rows.fetch("SELECT state FROM operation WHERE id = %s", operation["id"])[0][0]
    return found


def steps(operation: Any, many: int = 1) -> int:
    """So many steps of it, each as soon as somebody could take it; returns how many there were to take."""
    rows.change("UPDATE operation SET next_step_at = now() + interval '1 hour' WHERE id <> %s", operation["id"])
    with logins.engine():
        taken = 0
        for _ in range(many):
            rows.change("UPDATE operation SET next_step_at = now() WHERE id = %s", operation["id"])
            taken += operations.step(KINDS)
        return taken


def drive(operation: Any, *, seconds: float = 60) -> str:
    """Step by step until it is no longer running; its state then."""
    with logins.engine():
        assert eventually(lambda: _over(operation), seconds), rows.fetch(
            "SELECT * FROM operation WHERE id = %s", operation["id"]
        )
    return state(operation)


def _over(operation: Any) -> bool:
    if state(operation) != "running":
        return True
    rows.change("UPDATE operation SET next_step_at = now() WHERE id = %s", operation["id"])
    operations.step(KINDS)
    return False


def row(owner: Any, **columns: Any) -> UUID:
    """An operation of a tenant's that is running, and due in an hour."""
    identifier, now = UUID(int=rows.identity.request_id(rows.now()).int), rows.now()
    defaults: dict[str, Any] = {
        "id": identifier, "tenant_id": owner, "kind": "cancel", "state": "running", "filter": {"state": ["pending"]},
        "conditions": {"state__in": ["pending"]}, "reason": "because", "rate_per_second": 50.0, "matched": 10,
        "matched_is_capped": False, "done": 0, "failed": 0, "left_out": {}, "failures": "[]", "next_step_at": now + rows.timedelta(hours=1),
        "waiting_on": "", "ended_because": "", "created_by": "system", "granted": "[]", "request_id": "", "created_at": now,
    }  # fmt: skip
    rows.insert("operation", **(defaults | columns))
    return identifier
