"""Who uses a secret is counted right whoever stores what at the same time, and found by an index."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from jobs.models import Schedule
from jobs.services import jobs, schedules, secret_uses
from tenants import context
from tenants.models import Secret, Tenant
from tenants.services import secrets
from tests.support import rows
from tests.support.processes import eventually

NAMED: dict[str, Any] = {"result": "{{ secrets.token }}"}
NOTHING: dict[str, Any] = {"result": None}


def _within(tenant: Any) -> Any:
    return context.within(context.Scope(tenant_id=tenant))


@pytest.fixture
def job() -> Any:
    """One whose own payload names the secret, and whose schedule's does not."""
    tenant = rows.tenant()
    with _within(tenant), transaction.atomic():
        cron: Any = {"kind": "cron", "expression": "0 0 * * *"}
        fields: Any = {"name": "nightly", "type": "dummy", "payload": NAMED}
        secrets.create(tenant=Tenant.objects.get(pk=tenant), name="token", value="s3cr3t-token")
        return jobs.create(tenant=Tenant.objects.get(pk=tenant), fields=fields, schedules=[cron])


def _names(job: Any) -> list[str]:
    return [row[0] for row in rows.fetch("SELECT name FROM job_secret WHERE job_id = %s", job.pk)]


def _waits() -> bool:
    mine = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(rows.fetch(mine))


def test_a_name_that_one_drops_while_another_takes_it_up_stays_counted(job):
    problems: list[Exception] = []
    ended = threading.Event()

    def take_up() -> None:
        try:
            with _within(job.tenant_id), transaction.atomic():
                fields: Any = {"payload": NAMED}
                schedules.update(schedule=Schedule.objects.select_related("job").get(job=job), fields=fields)
        except Exception as error:
            problems.append(error)
        finally:
            ended.set()
            connection.close()

    other = threading.Thread(target=take_up)
    with _within(job.tenant_id), transaction.atomic():
        jobs.update(job=job, fields={"payload": NOTHING})
        other.start()
        assert eventually(lambda: _waits() or ended.is_set())
    other.join(30)
    assert problems == []
    assert _names(job) == ["token"]


def test_what_nothing_names_any_more_is_counted_no_more(job):
    with _within(job.tenant_id), transaction.atomic():
        jobs.update(job=job, fields={"payload": NOTHING})
    assert _names(job) == []


def test_users_are_found_by_an_index_among_a_hundred_thousand_names(job):
    tenant = job.tenant_id
    rows.change("SET session_replication_role = replica")
    rows.change(
        "INSERT INTO job (id, tenant_id, name, type, description, category, state, revision, payload, queue_id, priority,"
        " timeout_seconds, overlap, retry, owner, created_at, updated_at) SELECT gen_random_uuid(), %s, 'other ' || n,"
        " 'dummy', '', '', 'active', 1, '{}', 'default', 5, 60, 'allow', '{}', '', now(), now()"
        " FROM generate_series(1, 5000) n",
        tenant,
    )
    rows.change(
        "INSERT INTO job_secret (id, tenant_id, job_id, name) SELECT gen_random_uuid(), tenant_id, id, 'n' || n"
        " FROM job, generate_series(1, 20) n WHERE tenant_id = %s AND name LIKE 'other%%'",
        tenant,
    )
    rows.change("RESET session_replication_role")
    rows.change("ANALYZE job_secret, job")
    try:
        with _within(tenant), transaction.atomic():
            users = secret_uses.users_of(Secret.objects.get(name="token"))
            assert [found.name for found in users] == ["nightly"]
            plan = users.values_list("pk", flat=True).order_by("-pk")[:51].explain()
    finally:
        rows.change("DELETE FROM job_secret WHERE tenant_id = %s", tenant)
        rows.change("DELETE FROM job WHERE tenant_id = %s AND name LIKE 'other%%'", tenant)
        rows.change("ANALYZE job_secret, job")
    assert "job_secret_lookup" in plan, plan
    assert "Seq Scan on job_secret" not in plan
