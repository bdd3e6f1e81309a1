"""What tenants have used: each event counted once, on its day, whoever counts."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from jobs.engine import transitions, usage
from jobs.engine.records import Fence, NewExecution, Problem, Tail
from jobs.rules import identity
from jobs.rules.states import State
from tests.support import many, one, rows, servers
from tests.support.processes import eventually
from tests.support.threads import together

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

LINES = [["2026-01-01T00:00:00+00:00", "info", "stdout", "x" * 5000]]
COUNTED = "SELECT succeeded, failed, cancelled, skipped FROM usage_day WHERE tenant_id = %s"


def running(job: Any) -> Fence:
    claim = one.claim(rows.execution(job, State.QUEUED), attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert claim is not None
    return Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch)


def count_all() -> None:
    """Until nothing is left to count: autovacuum's transactions hold the cursor back as anybody's do."""

    def done() -> bool:
        usage.count()
        left = "SELECT count(*) FROM event e, usage_cursor c WHERE (e.xid, e.id) > (c.xid, c.event_id)"
        return bool(rows.fetch(left) == [(0,)])

    assert eventually(done, 60)


@pytest.fixture
def job() -> Any:
    count_all()  # whatever other tests have left
    return rows.job()


def test_every_outcome_is_counted_with_its_seconds_and_log(job):
    one.succeed(running(job), tail=Tail(first_seq=1, lines=LINES))
    transitions.exhaust(running(job), Problem(code="X"))
    assert transitions.cancel(rows.execution(job, State.PENDING))
    assert transitions.skip(rows.execution(job, State.PENDING), "OVERLAP")
    count_all()
    assert rows.fetch(COUNTED, job[1]) == [(1, 1, 1, 1)]
    seconds, stored, day = rows.fetch("SELECT run_seconds, log_bytes, day FROM usage_day")[0]
    assert 0 < seconds < 60
    assert 0 < stored < 5000, "as stored, compressed"
    assert abs(day - rows.now().date()) <= timedelta(days=1)


def test_a_folded_row_counts_as_many_slots_as_it_stands_for(job):
    now = rows.now()
    transitions.create([NewExecution(
        id=identity.request_id(now), tenant_id=job[1], job_id=job[0], revision=1, trigger="schedule", not_before=now,
        queue_id="default", priority=5, timeout_seconds=1, max_attempts=1, state=State.SKIPPED, reason="MISFIRE",
        scheduled_for=now, folded_until=now, folded_count=1234,
    )])  # fmt: skip
    count_all()
    assert rows.fetch(COUNTED, job[1]) == [(0, 0, 0, 1234)]


def test_what_goes_on_later_is_counted_when_it_ends_with_all_its_attempts(job):
    fence = running(job)
    transitions.retry(fence, Problem(code="X"), delay=timedelta())
    count_all()
    assert rows.fetch(COUNTED, job[1]) == []
    rows.change("UPDATE attempt SET started_at = finished_at - interval '100 seconds'")
    rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", fence.id)
    claim = one.claim(fence.id, attempt=2, worker_id=uuid4(), worker="w", pid=1)
    assert claim is not None
    one.succeed(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch))
    count_all()
    assert rows.fetch("SELECT succeeded, run_seconds >= 100 FROM usage_day") == [(1, True)]


def test_however_many_engines_count_each_event_counts_once(job, monkeypatch):
    monkeypatch.setattr(usage, "BATCH", 7)
    for execution in many.executions(job, 60, State.PENDING):
        transitions.cancel(execution)
    together([usage.count] * 4)
    count_all()
    assert rows.fetch(COUNTED, job[1]) == [(0, 0, 60, 0)]


def test_what_commits_late_is_not_passed_over(job):
    """An older transaction that is still open holds the cursor back."""
    late, early = rows.execution(job, State.PENDING), rows.execution(job, State.PENDING)
    end = (
        "INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)"
        " VALUES (gen_random_uuid(), %s, 'execution.cancelled', %s, %s, '{}', now())"
    )
    with psycopg.connect(servers.URLS["engine"]) as open_one:
        open_one.execute(end, (job[1], job[0], late))
        transitions.cancel(early)
        usage.count()
        assert rows.fetch(COUNTED, job[1]) == []
        open_one.commit()
    count_all()
    assert rows.fetch(COUNTED, job[1]) == [(0, 0, 2, 0)]


def test_tenants_are_counted_apart(job):
    other = rows.job()
    together([partial(transitions.cancel, rows.execution(of, State.PENDING)) for of in (job, job, other)])
    count_all()
    assert rows.fetch(COUNTED, job[1]) + rows.fetch(COUNTED, other[1]) == [(0, 0, 2, 0), (0, 0, 1, 0)]
