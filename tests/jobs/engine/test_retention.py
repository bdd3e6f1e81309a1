"""Rows of ended workers and used-up reservations go; whatever still matters stays."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from jobs.engine import retention, transitions
from jobs.rules import identity
from jobs.rules.states import State
from tests.support import approvals, console, ids, rows, workflows
from tests.support.workflows import Jobs

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

DAYS = 86_400


def test_workers_that_ended_long_ago_and_hold_nothing_are_forgotten():
    long_gone = rows.worker(lease=-2 * DAYS)
    holding, lately, live = rows.worker(lease=-2 * DAYS), rows.worker(lease=-DAYS / 2), rows.worker()
    rows.execution(rows.job(), State.RUNNING, worker_id=holding)
    rows.execution(rows.job(), State.SUCCEEDED, worker_id=long_gone)
    retention.prune()
    assert {row[0] for row in rows.fetch("SELECT id FROM worker")} == {holding, lately, live}


def reservation(key: str, expires_in: timedelta) -> UUID:
    identifier = uuid4()
    rows.insert(
        "reservation", id=identifier, tenant_id=rows.tenant(), scope="idempotency", key=key, fingerprint="",
        expires_at=rows.now() + expires_in,
    )  # fmt: skip
    return identifier


def test_expired_reservations_go_a_batch_at_a_time_oldest_first(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr(retention, "MOST", 1)
    newer, older = (reservation(str(hours), timedelta(hours=-hours)) for hours in (1, 2))
    kept = reservation("kept", timedelta(hours=1))
    retention.prune()
    assert {row[0] for row in rows.fetch("SELECT id FROM reservation")} == {newer, kept}
    assert older
    retention.prune()
    assert rows.fetch("SELECT id FROM reservation") == [(kept,)]


def test_keys_of_executions_stay_while_these_have_not_ended():
    def key(state: State, expires_in: timedelta) -> UUID:
        execution, identifier = rows.execution(rows.job(), state), reservation(state, expires_in)
        rows.change("UPDATE reservation SET scope = 'dedup:a', execution_id = %s WHERE id = %s", execution, identifier)
        return identifier

    over, late = timedelta(hours=-2), timedelta(minutes=-10)
    kept = {key(state, over) for state in (State.SCHEDULED, State.RUNNING, State.BLOCKED)}
    kept.add(key(State.SUCCEEDED, late))
    gone = {key(state, over) for state in (State.SUCCEEDED, State.SKIPPED)}
    retention.prune()
    assert gone
    assert {row[0] for row in rows.fetch("SELECT id FROM reservation")} == kept


def test_what_a_deleted_job_left_waiting_is_cancelled():
    deleted, disabled = (rows.job(state=state) for state in ("deleted", "disabled"))
    left, held = (rows.execution(job, State.PENDING, waiting_on=f"held:{job[0]}") for job in (deleted, disabled))
    retention.prune()
    assert (rows.state_of(left), rows.state_of(held)) == (State.CANCELLED, State.PENDING)


def ended(job: object, age: timedelta, *, ended_ago: timedelta | None = None, state: str = State.FAILED) -> UUID:
    """An execution made ``age`` ago, with an attempt, a log, an event and a dead letter."""
    at = rows.now() - age
    columns = {"finished_at": rows.now() - (ended_ago or age)} if state == State.FAILED else {}
    execution = rows.execution(job, state, id=identity.request_id(at), created_at=at, **columns)
    tenant, common = job[1], {"tenant_id": job[1], "execution_id": execution}  # type: ignore[index]
    rows.insert("attempt", id=ids.child_of(execution), number=1, epoch=1, state="failed", worker_id=uuid4(), worker_pid=1,
                worker="", started_at=at, error_code="", error_message="", **common)  # fmt: skip
    console.log(execution, tenant, ["x"])
    rows.insert("event", id=ids.child_of(execution), kind="execution.failed", data={}, created_at=at, **common)
    rows.insert("dead_letter", id=ids.child_of(execution), job_id=job[0], error_code="", error_message="",  # type: ignore[index]
                error_fingerprint="", state="open", closed_by="", created_at=at, **common)  # fmt: skip
    return execution


def left(table: str, column: str = "execution_id") -> set[UUID]:
    return {row[0] for row in rows.fetch(f"SELECT {column} FROM {table}")}


def test_a_tenant_that_keeps_less_loses_what_ended_before_with_all_that_belongs_to_it(monkeypatch):
    monkeypatch.setattr(retention, "EXECUTIONS", 2)
    brief, other = rows.job(rows.tenant(retention_days=3)), rows.job(rows.tenant())
    for days in (4, 5, 6):
        ended(brief, timedelta(days=days))
    kept = {
        ended(brief, timedelta(days=2)),
        ended(brief, timedelta(days=5), ended_ago=timedelta(days=1)),
        ended(brief, timedelta(days=5), state=State.PENDING),
        ended(other, timedelta(days=6)),
    }
    assert retention.expire() == 3
    assert left("execution", "id") == kept
    for table in ("attempt", "execution_log", "event", "dead_letter"):
        assert left(table) == kept, table
    assert retention.expire() == 0


def test_a_tenant_cannot_keep_for_longer_than_the_installation(settings):
    settings.RETENTION = timedelta(days=8)
    job = rows.job(rows.tenant(retention_days=365))
    ended(job, timedelta(days=9))
    kept = ended(job, timedelta(days=7))
    assert retention.expire() == 1
    assert left("execution", "id") == {kept}


def test_workflow_runs_go_with_their_executions_and_stay_while_they_go_on():
    tenant = rows.tenant(retention_days=7)
    jobs = Jobs(tenant)
    jobs.edges("a>b")
    old = rows.now() - timedelta(days=8)
    for _ in range(2):
        root = workflows.new(jobs["a"], id=identity.request_id(old), not_before=old)
        transitions.create([root])
    rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() - interval '8 days'")
    ended = workflows.run_of(root.id)
    rows.change(
        "UPDATE workflow_run SET state = 'succeeded', finished_at = now() - interval '8 days' WHERE id = %s", ended
    )
    assert retention.expire() == 1
    left = rows.fetch("SELECT id FROM workflow_run")
    assert (len(left), left != [(ended,)]) == (1, True)
    assert rows.fetch("SELECT workflow_run_id FROM execution") == left


def test_approvals_and_resolutions_are_kept_as_long_as_executions(settings):
    tenant = rows.tenant()
    long_ago, lately = (rows.now() - settings.RETENTION + timedelta(days=days) for days in (-1, 1))
    done = {"state": "approved", "decided_by": "user:ann@example.com"}
    gone, kept = (approvals.waiting(tenant, decided_at=at, **done) for at in (long_ago, lately))
    waits = approvals.waiting(tenant, created_at=long_ago)
    for at in (long_ago, lately):
        rows.insert(
            "failure_resolution", id=uuid4(), tenant_id=tenant, fingerprint=uuid4().hex, note="", resolved_by="",
            resolved_at=at, operation_id=uuid4(),
        )  # fmt: skip
    retention.prune()
    assert {row[0] for row in rows.fetch("SELECT id FROM approval")} == {kept, waits} - {gone}
    assert rows.fetch("SELECT resolved_at FROM failure_resolution") == [(lately,)]
