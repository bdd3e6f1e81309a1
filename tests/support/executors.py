"""An executor played by the test, over the API, with the engine's part done by hand."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from jobs.engine import admission, executors, watchdog
from jobs.engine.admission import Seen
from tenants.fields import new_id
from tests.support import actors, logins, rows
from tests.support.actors import Actor

SERVE = "executors:serve"


def queue() -> str:
    """A queue that executors claim on."""
    name = f"x-{secrets.token_hex(4)}"
    rows.insert("queue", name=name, pool="external", created_at=rows.now())
    return name


def row(tenant_id: UUID, **columns: Any) -> UUID:
    """An executor that lives, as it is stored."""
    identifier = new_id()
    defaults = {
        "id": identifier, "tenant_id": tenant_id, "name": f"e-{secrets.token_hex(4)}", "description": "",
        "capabilities": ["gpu"], "queues": ["external"], "max_concurrent": 2, "state": "active", "draining": False,
        "lease_id": uuid4(), "started_at": rows.now(), "renewed_at": rows.now(),
        "lease_expires_at": rows.now() + timedelta(hours=1), "created_at": rows.now(), "created_by": "",
    }  # fmt: skip
    rows.insert("executor", **(defaults | columns))
    return identifier


def engine() -> None:
    """What the engine does when it is rung, and at a sweep."""
    with logins.engine():
        watchdog.recover_lost()
        executors.end_overdue()
        admission.admit_all(Seen())


@dataclass
class Played:
    """One executor of a tenant, and a key that may do nothing else."""

    actor: Actor
    queue: str
    id: str
    lease: str

    def post(self, path: str, body: Any) -> Any:
        return self.actor.api.post(f"/api/v1/{path}", body)

    def claim(self, most: int = 1) -> list[Any]:
        answer = self.post(f"executors/{self.id}/claim", {"lease": self.lease, "max": most})
        assert answer.status_code == 200, answer.content
        found: list[Any] = answer.json()["data"]
        return found

    def beat(self, **more: Any) -> Any:
        return self.post(f"executors/{self.id}/heartbeat", {"lease": self.lease, **more})

    def report(self, claimed: Any, verb: str, **body: Any) -> Any:
        return self.post(f"executions/{claimed['execution']}/{verb}", {"token": claimed["token"], **body})

    def lapse(self) -> None:
        """It has not been heard of for longer than its lease."""
        rows.change("UPDATE executor SET lease_expires_at = now() - interval '1 second' WHERE id = %s", self.id)


def play(of: Actor, name: str = "", on: str = "", **fields: Any) -> Played:
    """Register an executor of an actor's tenant."""
    actor, where = actors.with_scopes(of, [SERVE]), on or queue()
    body = {"name": name or f"e-{uuid4().hex[:8]}", "queues": [where], **fields}
    answer = actor.api.post("/api/v1/executors", body)
    assert answer.status_code in (200, 201), answer.content
    made = answer.json()
    return Played(actor, where, made["id"], made["lease"])


def job(of: Actor, on: str, *, payload: Any = None, **fields: Any) -> dict[str, Any]:
    """A job for executors."""
    body = {"name": f"j-{uuid4().hex}", "type": "external", "queue": on, "payload": payload or {}, **fields}
    answer = of.api.post("/api/v1/jobs", body)
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def triggered(of: Actor, made: dict[str, Any], **body: Any) -> str:
    """An execution of it, admitted as far as there is room."""
    answer = of.api.post(f"/api/v1/jobs/{made['id']}/trigger", body)
    assert answer.status_code == 202, answer.content
    engine()
    return str(answer.json()["id"])
