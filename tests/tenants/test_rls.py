"""The walls' helpers on a table of this test, and the walls themselves around every table of tenants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.apps import apps
from psycopg import errors

from jobs.engine import transitions
from jobs.engine.records import Fence, Problem, Tail
from jobs.rules.states import State
from tenants import rls
from tests.support import console, one, rows, servers, shut, workflow_runs

TENANT, OTHER = uuid4(), uuid4()
SCRATCH = "scratch_wall"


def run_as_owner(*operations: Any) -> None:
    with psycopg.connect(servers.URLS["owner"], autocommit=True) as owner:
        for operation in operations:
            owner.execute(operation if isinstance(operation, str) else operation.sql)


@pytest.fixture
def scratch() -> Iterator[None]:
    """A walled table with a row of each of two tenants, and one that refers to it."""
    run_as_owner(
        f"CREATE TABLE {SCRATCH} (id uuid, tenant_id uuid, UNIQUE (tenant_id, id))",
        *rls.wall(SCRATCH, app="SELECT, INSERT", engine="SELECT"),
        f"CREATE TABLE {SCRATCH}_child (tenant_id uuid, parent_id uuid)",
        rls.composite_reference(f"{SCRATCH}_child", "parent_id", SCRATCH),
    )
    for tenant in (TENANT, OTHER):
        rows.insert(SCRATCH, id=tenant, tenant_id=tenant)
    yield
    run_as_owner(f"DROP TABLE {SCRATCH}_child, {SCRATCH}")


def seen(role: str, table: str, *, tenant: UUID | None = None, platform: bool = False) -> int:
    """How many rows of a table a log-in sees under a scope."""
    with psycopg.connect(servers.URLS[role]) as connection:
        if tenant or platform:
            scope = "SELECT set_config('carillon.tenant', %s, true), set_config('carillon.platform', %s, true)"
            connection.execute(scope, [str(tenant or ""), "on" if platform else ""])
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.usefixtures("scratch")
def test_each_log_in_sees_what_its_policy_says():
    assert seen("app", SCRATCH) == 0
    assert seen("app", SCRATCH, tenant=TENANT) == 1
    assert seen("app", SCRATCH, tenant=uuid4()) == 0
    assert seen("app", SCRATCH, platform=True) == 2
    assert seen("engine", SCRATCH) == 2
    assert seen("owner", SCRATCH) == 0


@pytest.mark.usefixtures("scratch")
def test_scope_left_over_from_an_earlier_transaction_shows_nothing():
    with psycopg.connect(servers.URLS["app"]) as app:
        app.execute("SELECT set_config('carillon.tenant', %s, true)", [str(TENANT)])
        app.commit()
        assert app.execute("SELECT current_setting('carillon.tenant', true)").fetchone() == ("",)
        assert app.execute(f"SELECT count(*) FROM {SCRATCH}").fetchone() == (0,)


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("app", "INSERT INTO scratch_wall VALUES (gen_random_uuid(), gen_random_uuid())"),
        ("app", "DELETE FROM scratch_wall"),
        ("app", "UPDATE scratch_wall SET id = id"),
        ("engine", "INSERT INTO scratch_wall VALUES (gen_random_uuid(), gen_random_uuid())"),
    ],
)
def test_only_the_named_rights_are_granted_and_only_on_ones_own_rows(role, statement):
    with psycopg.connect(servers.URLS[role]) as connection:
        connection.execute("SELECT set_config('carillon.tenant', %s, true)", [str(TENANT)])
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.usefixtures("scratch")
def test_owner_reads_where_it_must_and_writes_nowhere():
    run_as_owner(rls.wall(SCRATCH, app="", engine="", owner_reads=True)[-1])
    assert seen("owner", SCRATCH) == 2
    with psycopg.connect(servers.URLS["owner"]) as owner:
        assert owner.execute(f"UPDATE {SCRATCH} SET id = id").rowcount == 0


@pytest.mark.usefixtures("scratch")
def test_a_row_cannot_refer_to_another_tenants():
    rows.insert(f"{SCRATCH}_child", tenant_id=TENANT, parent_id=TENANT)
    with pytest.raises(errors.ForeignKeyViolation):
        rows.insert(f"{SCRATCH}_child", tenant_id=TENANT, parent_id=OTHER)


@pytest.mark.usefixtures("as_engine", "empty_database")
def test_no_table_shows_a_tenants_rows_without_a_tenant_or_to_another_one():
    tenant = fill_every_table()
    tables = {model._meta.db_table for model in apps.get_models() if hasattr(model, "tenant")} | {"tenant"}
    assert {table for table in tables if seen("app", table, tenant=tenant) == 0} == set()
    assert {table for table in tables if seen("app", table) > 0} == set()
    assert {table for table in tables if seen("app", table, tenant=rows.tenant()) > (table == "tenant")} == set()


def fill_every_table() -> UUID:
    """A row of one tenant in each table."""
    job = rows.job()
    tenant: UUID = job[1]
    rows.schedule(job)
    execution = rows.execution(job, State.QUEUED)
    claim = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert claim is not None
    fence = Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)
    transitions.exhaust(fence, Problem(code="X"), tail=Tail(first_seq=1, lines=[["", "info", "stdout", "x"]]))
    person, now = uuid4(), rows.now()
    rows.insert(
        "person", id=person, email=f"{person}@example.com", password="", name="", is_active=True, is_staff=False,
        is_superuser=False, created_at=now,
    )  # fmt: skip
    owned: dict[str, dict[str, Any]] = {
        "membership": {"user_id": person, "role": "viewer", "created_at": now},
        "api_key": {"name": "", "key_id": "x", "digest": b"", "scopes": [], "created_at": now, "created_by": ""},
        "invitation": {
            "email": "x@example.com", "role": "viewer", "own_jobs_only": False, "digest": b"x", "sent_at": now, "expires_at": now,
            "failures": 0, "created_at": now, "created_by": "",
        },
        "audit_event": {
            "at": now, "actor": "", "action": "", "object_type": "", "object_id": "", "changes": {}, "reason": "", "request_id": "",
        },
        "audit_seal": {
            "number": 1, "event_id": uuid4(), "position": 1, "previous_seal": b"", "seal": b"", "previous_link": b"", "link": b"",
            "key_id": "", "sealed_at": now,
        },
        "job_template": {
            "name": "", "description": "", "category": "", "parameters": "{}", "body": "{}", "active": True, "version": 1,
            "owner": "", "created_at": now, "updated_at": now,
        },
        "job_tag": {"job_id": job[0], "tag": "x"},
        "job_secret": {"job_id": job[0], "name": "x"},
        "artifact": {
            "execution_id": uuid4(), "attempt": 1, "name": "x", "bytes": 0, "sha256": "", "content_type": "", "key": uuid4(),
            "state": "kept", "created_at": now, "expires_at": now,
        },
        "approval": {
            "job_id": job[0], "execution_id": uuid4(), "question": "", "state": "waiting", "roles": "[]", "members": "[]",
            "api_keys": "[]", "not_by_requester": False, "requested_by": "", "until": now, "by_default": "fail", "decided_by": "",
            "reason": "", "created_at": now,
        },
        "executor": {
            "name": "x", "description": "", "capabilities": ["x"], "queues": ["x"], "max_concurrent": 1, "state": "active", "draining": False,
            "lease_id": uuid4(), "started_at": now, "renewed_at": now, "lease_expires_at": now, "created_at": now, "created_by": "",
        },
        "bookmark": {"job_id": job[0], "name": "x", "value": {}, "moved_at": now, "execution_id": uuid4()},
        "channel_message": {
            "job_id": job[0], "execution_id": uuid4(), "channel": "x", "ended": "failed", "state": "waiting", "tries": 0,
            "next_at": now, "problem": "", "created_at": now,
        },
        "secret": {"name": "x", "kind": "text", "description": "", "version": 1, "newest": 1, "created_at": now, "created_by": ""},
        "data_key": {"key_id": "", "wrapped": b"", "created_at": now},
        "quota_room": {"most": 1, "room": 1, "counted_at": now},
        "usage_day": {
            "day": now.date(), "succeeded": 0, "failed": 0, "cancelled": 0, "skipped": 0, "run_seconds": 0, "log_bytes": 0,
        },
        "operation": {
            "kind": "cancel", "state": "running", "conditions": {}, "reason": "x", "rate_per_second": 1, "matched": 0,
            "matched_is_capped": False, "done": 0, "failed": 0, "left_out": {}, "failures": [], "next_step_at": now, "waiting_on": "",
            "created_by": "", "granted": [], "created_at": now, "request_id": "", "ended_because": "",
        },
        "failure_resolution": {
            "fingerprint": "x", "note": "", "resolved_by": "", "resolved_at": now, "operation_id": uuid4(),
        },
        "reservation": {"scope": "", "key": "", "fingerprint": "", "expires_at": now},
    }  # fmt: skip
    for table, columns in owned.items():
        key = {} if table == "audit_seal" else {"id": uuid4()}
        rows.insert(table, **key, tenant_id=tenant, **columns)
    console.calendar(tenant)
    console.hook(tenant)
    console.received_event(tenant, rows.schedule(job), job)
    shut.maintenance(tenant)
    rows.dependency(rows.job(tenant), job)
    workflow_runs.chain(tenant)
    (secret,) = rows.fetch("SELECT id FROM secret WHERE tenant_id = %s", tenant)[0]
    rows.insert(
        "secret_version", id=uuid4(), tenant_id=tenant, secret_id=secret, number=1, sealed=b"", created_at=now, created_by="",
    )  # fmt: skip
    return tenant
