"""A row of a tenant for each resource of the API, so that generated tests have an id to ask for."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from tenants.fields import new_id
from tenants.models import User
from tests.support import approvals, artifacts, executors, invitees, operations, rows, shut, workflow_runs

#: Tables that a test of other tenants' ids watches.
TABLES = (
    "job",
    "schedule",
    "dependency",
    "execution",
    "artifact",
    "dead_letter",
    "executor",
    "failure_resolution",
    "operation",
    "workflow_run",
    "approval",
    "hook",
    "received_event",
    "api_key",
    "job_revision",
    "job_tag",
    "tag",
    "calendar",
    "job_template",
    "secret",
    "secret_version",
    "maintenance_window",
    "membership",
    "invitation",
    "audit_event",
    "audit_seal",
    "reservation",
)


def of(owner: Any) -> dict[str, list[Any]]:
    """Ids (and names, where a path takes them) of new rows of an actor's, by resource; of what is shared, one that is there."""
    name = f"job-{secrets.token_hex(4)}"
    wanted = {"name": name, "type": "dummy", "tags": ["a"], "schedules": [{"kind": "cron", "expression": "0 0 * * *"}]}
    answer = owner.api.post("/api/v1/jobs", wanted)
    assert answer.status_code == 201, answer.content
    job = answer.json()
    execution = rows.execution((job["id"], owner.tenant.id), "failed")
    secret = f"token_{secrets.token_hex(4)}"
    kept = owner.api.post("/api/v1/secrets", {"name": secret, "value": "a value of theirs"}).json()
    return {
        "jobs": [job["id"], name],
        "schedules": [job["schedules"][0]["id"]],
        "executions": [execution],
        "dead-letters": [_dead_letter(owner, job["id"], execution)],
        "dependencies": [_dependency(owner, job["id"])],
        "artifacts": [artifacts.kept(owner.tenant.id, execution)],
        "operations": [operations.row(owner.tenant.id)],
        "workflow-runs": [workflow_runs.chain(owner.tenant.id)[0]],
        "approvals": [approvals.waiting(owner.tenant.id)],
        "events": [owner.api.post("/api/v1/events", {"name": "order.paid"}).json()["id"]],
        "hooks": [_hook(owner)],
        "failure-groups": [_fingerprint(owner, job["id"])],
        "executors": [executors.play(owner).id],
        "queues": ["default"],
        "job-types": ["dummy"],
        "secrets": [kept["id"], secret],
        "calendars": [owner.api.post("/api/v1/calendars", {"name": name}).json()["id"]],
        "tags": ["a"],
        "templates": [_template(owner)],
        "maintenance-windows": [shut.maintenance(owner.tenant.id, job_id=job["id"])],
        "connection-types": ["redis"],
        "workers": [rows.worker(queues=(), lease=-60)],
        "auth": [_session(owner)],
        "api-keys": [owner.api.get("/api/v1/api-keys").json()["data"][0]["id"]],
        "members": [invitees.member(owner.tenant.id)],
        "invitations": [invitees.invitation(owner.tenant.id)],
        "tenants": [owner.tenant.slug],
        "audit-events": [owner.api.get("/api/v1/audit-events").json()["data"][0]["id"]],
    }


def _dependency(owner: Any, job: str) -> str:
    first = owner.api.post("/api/v1/jobs", {"name": f"job-{secrets.token_hex(4)}", "type": "dummy"}).json()["id"]
    made = owner.api.post("/api/v1/dependencies", {"upstream": first, "downstream": job})
    assert made.status_code == 201, made.content
    return str(made.json()["id"])


def _hook(owner: Any) -> str:
    name = f"hook-{secrets.token_hex(4)}"
    made = owner.api.post("/api/v1/hooks", {"name": name, "event": "order.paid", "scheme": "none"})
    assert made.status_code == 201, made.content
    return str(made.json()["id"])


def _template(owner: Any) -> str:
    made = owner.api.post("/api/v1/templates", {"name": secrets.token_hex(4), "body": {"type": "dummy"}})
    assert made.status_code == 201, made.content
    return str(made.json()["id"])


def _fingerprint(owner: Any, job: str) -> str:
    fingerprint = secrets.token_hex(8)
    rows.execution((job, owner.tenant.id), "failed", error_code="TIMEOUT", error_fingerprint=fingerprint)
    return fingerprint


def _session(owner: Any) -> UUID:
    session, person, now = new_id(), User.objects.create_user(f"{secrets.token_hex(6)}@example.com"), rows.now()
    rows.insert(
        "login_session", id=session, person_id=person.pk, home_id=owner.tenant.id, current=b"", auth_hash="", user_agent="",
        created_at=now, refreshed_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    return session


def _dead_letter(owner: Any, job: str, execution: UUID) -> UUID:
    letter = new_id()
    rows.insert(
        "dead_letter", id=letter, tenant_id=owner.tenant.id, job_id=job, execution_id=execution, state="open",
        error_code="TIMEOUT", error_message="", error_fingerprint="", closed_by="", created_at=rows.now(),
    )  # fmt: skip
    return letter


def stored(tenant: Any) -> list[Any]:
    """All that is stored of a tenant, to compare."""
    return [rows.fetch(f"SELECT * FROM {table} WHERE tenant_id = %s ORDER BY 1", tenant.id) for table in TABLES]
