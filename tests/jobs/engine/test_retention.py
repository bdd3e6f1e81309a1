"""Rows of ended workers and used-up reservations go; whatever still matters stays."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from jobs.engine import retention
from jobs.rules.states import State
from tests.support import rows

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
    newer, older = (reservation(str(hours), timedelta(hours=-hours)) for hours in (1, 2))
    kept = reservation("kept", timedelta(hours=1))
    retention.prune()
    assert {row[0] for row in rows.fetch("SELECT id FROM reservation")} == {newer, kept}
    assert older
    retention.prune()
    assert rows.fetch("SELECT id FROM reservation") == [(kept,)]


def test_what_a_deleted_job_left_waiting_is_cancelled():
    deleted, disabled = (rows.job(state=state) for state in ("deleted", "disabled"))
    left, held = (rows.execution(job, State.PENDING, waiting_on=f"held:{job[0]}") for job in (deleted, disabled))
    retention.prune()
    assert (rows.state_of(left), rows.state_of(held)) == (State.CANCELLED, State.PENDING)
