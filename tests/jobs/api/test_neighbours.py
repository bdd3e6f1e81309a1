"""`neighbours` of an explanation: who used the queue while an execution waited, told to whoever may know."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from jobs.rules import identity
from tests.support import actors, ids, rows


@pytest.fixture
def waited(owner, queue):
    """An execution of the owner's that waited 40 s, while another tenant ran for 30 of them and itself for 10."""
    now = rows.now()
    other = rows.job(rows.tenant(slug=f"acme-{queue}"), queue_id=queue)
    job = rows.job(owner.tenant.id, queue_id=queue)
    due, start = now - timedelta(seconds=50), now - timedelta(seconds=10)

    def ran(of, begin, end, **columns):
        rows.execution(
            of,
            "succeeded",
            id=identity.request_id(due),
            queue_id=queue,
            started_at=due + timedelta(seconds=begin),
            finished_at=due + timedelta(seconds=end),
            **columns,
        )

    ran(other, -10, 10)
    ran(other, 20, 90)
    ran(job, 0, 10)
    ran(other, 50, 60)
    rows.execution(other, "running", id=identity.request_id(due), queue_id="default", started_at=due)
    return rows.execution(job, "succeeded", queue_id=queue, not_before=due, started_at=start, finished_at=now)


def test_a_tenant_is_told_of_others_without_a_name_and_the_platform_by_name(owner, waited):
    answer = owner.api.get(f"/api/v1/executions/{waited}/explain")
    found = answer.json()["neighbours"]
    assert [(share["tenant"], share["share"]) for share in found["shares"]] == [("", 0.75), (owner.tenant.slug, 0.25)]
    assert found["message"] == f"it waited 40 s while other tenants used 75% of queue {found['queue']}"
    assert "acme-" not in answer.content.decode()
    operator = actors.operator()
    seen = operator.api.get(f"/api/v1/executions/{waited}/explain", tenant=owner.tenant.slug).json()
    assert f"tenant acme-{found['queue']} used 75%" in seen["neighbours"]["message"]


def test_what_was_suspended_used_the_queue_only_while_it_ran(owner, queue, waited):
    job = rows.job(rows.tenant(slug=f"patient-{queue}"), queue_id=queue)
    day, now = timedelta(days=1), rows.now()
    execution = rows.execution(
        job, "succeeded", queue_id=queue, epoch=2, id=identity.request_id(now - day / 2), started_at=now - day / 2,
        finished_at=now,
    )  # fmt: skip
    for epoch, began in ((1, now - day / 2), (2, now - timedelta(seconds=1))):
        rows.insert(
            "attempt", id=ids.child_of(execution), tenant_id=job[1], execution_id=execution, number=1, epoch=epoch,
            state="suspended", worker_id=uuid4(), worker_pid=1, worker="w", started_at=began,
            finished_at=began + timedelta(seconds=1), error_code="", error_message="",
        )  # fmt: skip
    operator = actors.operator()
    seen = operator.api.get(f"/api/v1/executions/{waited}/explain", tenant=owner.tenant.slug).json()
    assert f"patient-{queue}" not in {share["tenant"] for share in seen["neighbours"]["shares"]}


def test_what_started_at_once_or_is_not_due_has_no_neighbours(owner, queue):
    job, now = rows.job(owner.tenant.id, queue_id=queue), rows.now()
    at_once = rows.execution(job, "running", queue_id=queue, not_before=now, started_at=now)
    later = rows.execution(job, "scheduled", queue_id=queue, not_before=now + timedelta(hours=1))
    for execution in (at_once, later):
        assert owner.api.get(f"/api/v1/executions/{execution}/explain").json()["neighbours"] is None


def test_shares_of_a_queue_are_ones_own_and_all_others_or_by_name_for_the_platform(owner, waited, queue):
    found = owner.api.get(f"/api/v1/queues/{queue}/shares", minutes=5).json()
    assert (found["queue"], found["capped"]) == (queue, False)
    assert [use["tenant"] for use in found["shares"]] == ["", owner.tenant.slug]
    assert sum(use["share"] for use in found["shares"]) == pytest.approx(1, abs=0.01)
    assert sum(use["seconds"] for use in found["shares"]) > 50
    seen = actors.operator().api.get(f"/api/v1/queues/{queue}/shares").json()
    assert [use["tenant"] for use in seen["shares"]] == [f"acme-{queue}", owner.tenant.slug]
    assert owner.api.get(f"/api/v1/queues/{queue}/shares", minutes=0).status_code == 422
    assert owner.api.get("/api/v1/queues/nowhere/shares").status_code == 404
    assert "acme-" not in owner.api.get(f"/api/v1/queues/{queue}/shares").content.decode()
