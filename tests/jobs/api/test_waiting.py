"""`waiting_for`: why an execution has not started, as its tenant sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs.rules import concurrency_keys
from tests.support import rows


@pytest.fixture
def job(owner, queue):
    return rows.job(owner.tenant.id, queue_id=queue)


@pytest.fixture
def waits(owner, queue, job):
    """The code and the rest of what the owner's execution waits for."""
    execution = rows.execution(job, "pending", queue_id=queue)

    def ask(**columns):
        for name, value in columns.items():
            rows.change(f"UPDATE execution SET {name} = %s WHERE id = %s", value, execution)
        return owner.api.get(f"/api/v1/executions/{execution}").json()["waiting_for"]

    return ask


def test_nothing_in_the_way_is_a_free_worker(waits):
    assert waits() == {"code": "FREE_WORKER", "until": None, "ahead": None}


def test_a_queue_nobody_serves(waits, queue):
    rows.change("UPDATE worker SET lease_expires_at = now() WHERE %s = ANY(queues)", queue)
    assert waits()["code"] == "NO_WORKER"


def test_a_paused_queue(waits, queue):
    rows.change("UPDATE queue SET paused_at = now() WHERE name = %s", queue)
    assert waits()["code"] == "QUEUE_PAUSED"


def test_the_line_counts_ones_of_the_tenant_that_go_first(waits, job, queue):
    for priority in (9, 9, 5, 0):
        rows.execution(job, "pending", queue_id=queue, priority=priority)
    rows.execution(rows.job(), "pending", queue_id=queue, priority=9)
    assert waits()["ahead"] == 2
    assert waits()["code"] == "BEHIND_OTHERS"


def test_the_tenants_cap_and_the_end_of_its_throttle(waits, owner, job):
    rows.execution(job, "running")
    rows.change("UPDATE tenant SET max_running = 1 WHERE id = %s", owner.tenant.id)
    assert waits() == {"code": "TENANT_CAP", "until": None, "ahead": None}
    until = rows.now() + timedelta(hours=1)
    rows.change(
        "UPDATE tenant SET throttle_max_running = 0, throttled_until = %s WHERE id = %s", until, owner.tenant.id
    )
    assert waits()["until"] == until.isoformat().replace("+00:00", "Z")


def test_a_queue_filled_by_others(waits, queue):
    rows.change("UPDATE queue SET max_running = 2 WHERE name = %s", queue)
    other = rows.job()
    rows.execution(other, "running", queue_id=queue)
    assert waits()["code"] == "FREE_WORKER"
    rows.execution(other, "queued", queue_id=queue)
    assert waits()["code"] == "QUEUE_CAP"


def test_a_drained_bucket_says_when_the_next_token_is_there(waits, job):
    rows.change("UPDATE job SET rate_limit = '1/h' WHERE id = %s", job[0])
    now = rows.now()
    rows.insert("rate_bucket", key=f"job:{job[0]}", tokens=0.5, updated_at=now, refill_at=now, full_at=now)
    found = waits(waiting_on=f"rate:{job[0]}")
    assert found["code"] == "RATE_LIMIT"
    assert now + timedelta(minutes=29) < rows.datetime.fromisoformat(found["until"]) < now + timedelta(minutes=31)


def test_a_key_out_of_tokens_says_by_which_rate_and_until_when(waits, owner, job):
    rows.change("UPDATE job SET key_rate_limit = '60/h' WHERE id = %s", job[0])
    strict = rows.job(owner.tenant.id, key_rate_limit="1/h")
    now, name = rows.now(), concurrency_keys.name(owner.tenant.id, "customer:17")
    rows.insert(
        "rate_bucket", key=f"key:{name}", tokens=0.5, updated_at=now, refill_at=now, full_at=now, job_id=strict[0]
    )
    found = waits(concurrency_key="customer:17", waiting_on=f"keyrate:{name}")
    assert found["code"] == "RATE_LIMIT"
    assert now + timedelta(minutes=29) < rows.datetime.fromisoformat(found["until"]) < now + timedelta(minutes=31)


def test_a_shared_key_is_named_only_to_who_may_see_payloads(waits, owner, teammate, job):
    found = waits(concurrency_key="customer:17", waiting_on=f"key:{owner.tenant.id}:customer:17")
    assert found["code"] == "KEY_CAP"
    shown = [actor.api.get("/api/v1/executions", job=str(job[0])).json()["data"][0] for actor in (owner, teammate)]
    assert [row["concurrency_key"] for row in shown] == ["customer:17", None]
    assert "customer:17" not in str(shown[1])
