"""Rate limits of jobs, tenants and queues: buckets of tokens, drawn from by what is admitted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs import sql
from jobs.engine import admission, retention
from jobs.engine.admission import Seen
from jobs.engine.timer import Timer
from jobs.rules.states import State
from tenants.rules import rates
from tests.support import broker, rows
from tests.support.broker import BrokerQueue
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=16)


def admit() -> int:
    return admission.admit_all(Seen()).admitted


def pending(queue: BrokerQueue, of: Any, count: int) -> None:
    for _ in range(count):
        rows.execution(of, State.PENDING, queue_id=queue.name)


def pass_by(seconds: float) -> None:
    """As if every bucket had been drawn from so much earlier."""
    rows.change(
        "UPDATE rate_bucket SET updated_at = updated_at - %(by)s, refill_at = refill_at - %(by)s, full_at = full_at - %(by)s",
        by=timedelta(seconds=seconds),
    )


def test_a_jobs_burst_goes_at_once_and_the_rest_is_parked_until_tokens_flow_in(queue):
    job = rows.job(rate_limit="6/d", rate_burst=2)
    pending(queue, job, 5)
    assert admit() == 2
    parked = rows.fetch("SELECT waiting_on, count(*) FROM execution WHERE waiting_on <> '' GROUP BY 1")
    assert parked == [(f"rate:{job[0]}", 3)]
    assert admit() == 0
    pass_by(14_340)
    assert admit() == 0
    pass_by(60)
    assert admit() == 1
    pass_by(100_000)
    assert admit() == 2


def test_without_a_burst_as_many_go_at_once_as_the_rate_says(queue):
    pending(queue, rows.job(rate_limit="3/h"), 5)
    assert admit() == 3


def test_other_jobs_are_not_slowed_down(queue):
    tenant = rows.tenant()
    pending(queue, rows.job(tenant, rate_limit="1/h"), 5)
    pending(queue, rows.job(tenant), 5)
    assert admit() == 1 + 5


def test_a_tenant_out_of_tokens_is_passed_over_without_parking_anything(queue):
    pending(queue, rows.job(rows.tenant(rate_limit="4/h")), 6)
    pending(queue, rows.job(), 6)
    assert admit() == 4 + 6
    assert rows.fetch("SELECT count(*) FROM execution WHERE state = 'pending' AND waiting_on = ''") == [(2,)]
    pass_by(900)
    assert admit() == 1


def test_a_tenants_tokens_are_drawn_from_by_all_queues(queue):
    job = rows.job(rows.tenant(rate_limit="4/h"))
    other = broker.queue()
    rows.worker(queues=(other.name,), concurrency=8)
    pending(queue, job, 3)
    pending(other, job, 3)
    assert admit() == 4


def test_a_queues_tokens_are_drawn_from_by_all_tenants():
    queue = broker.queue(rate_limit="5/h", rate_burst=3)
    rows.worker(queues=(queue.name,), concurrency=8)
    pending(queue, rows.job(), 4)
    pending(queue, rows.job(), 4)
    assert admit() == 3
    assert admit() == 0
    pass_by(720)
    assert admit() == 1


def test_a_lifted_limit_lets_everything_go(queue):
    job = rows.job(rate_limit="1/d")
    pending(queue, job, 4)
    assert admit() == 1
    rows.change("UPDATE job SET rate_limit = '' WHERE id = %s", job[0])
    assert admit() == 3


def test_only_what_is_admitted_takes_a_token(queue):
    job = rows.job(rate_limit="10/d", max_running=2)
    pending(queue, job, 6)
    assert admit() == 2
    ((tokens,),) = rows.fetch("SELECT tokens FROM rate_bucket")
    assert tokens == pytest.approx(8, abs=0.01)


def test_the_timer_is_told_when_the_next_token_is_there(queue):
    pending(queue, rows.job(rate_limit="12/h", rate_burst=1), 2)
    assert admit() == 1
    instants = sql.run("next_instants")[0]
    assert 240 < (instants.eases_at - instants.now).total_seconds() <= 300


def test_a_bucket_that_is_full_again_is_forgotten(queue):
    pending(queue, rows.job(rate_limit="60/h", rate_burst=1), 1)
    admit()
    retention.prune()
    assert rows.fetch("SELECT count(*) FROM rate_bucket") == [(1,)]
    pass_by(60)
    retention.prune()
    assert rows.fetch("SELECT count(*) FROM rate_bucket") == [(0,)]


def test_the_database_does_the_same_sum_as_the_rule():
    for limit, burst in (("100/m", None), ("7/h", 3), ("999999/s", 1_000_000), ("1/d", 1)):
        rule = rates.bucket(limit, burst)
        for left, age in ((0.0, 0.0), (0.25, 3.7), (2.5, 86_400.0), (0.0, 0.001), (0.5, -5.0)):
            at = rows.now()
            rows.change("DELETE FROM rate_bucket")
            rows.insert(
                "rate_bucket", key="k", tokens=left, updated_at=at - timedelta(seconds=age), refill_at=at, full_at=at
            )
            ((found,),) = rows.fetch("SELECT carillon_tokens('k', %s, %s, %s)", limit, burst, at)
            assert found == pytest.approx(rule.holds(left, age), rel=1e-9, abs=1e-9)
        assert rows.fetch("SELECT carillon_tokens('never', %s, %s, now())", limit, burst) == [(rule.holds(None, 0),)]


def test_over_a_while_the_engine_starts_what_the_rate_allows_and_not_one_more(queue):
    pending(queue, rows.job(rate_limit="20/s", rate_burst=2), 60)
    begin = rows.fetch("SELECT clock_timestamp()")[0][0]
    engine = Timer()
    engine.start()
    try:
        assert eventually(lambda: len(queue.ids()) >= 30, 60)
    finally:
        engine.stop()
        engine.join(60)
    started = [row[0] for row in rows.fetch("SELECT queued_at FROM execution WHERE state = 'queued' ORDER BY 1")]
    for first in range(len(started)):
        for last in range(first, len(started)):
            seconds = (started[last] - started[first]).total_seconds()
            assert last - first + 1 <= 2 + 20 * seconds + 1e-6
    assert len(started) <= 2 + 20 * (started[-1] - begin).total_seconds()


def test_what_is_admitted_together_has_started_when_its_tokens_were_counted(queue):
    """Were that another instant for each, a statement that takes long would let more start at once than a burst."""
    pending(queue, rows.job(rate_limit="20/h"), 5)
    assert admit() == 5
    assert rows.fetch("SELECT count(DISTINCT queued_at), min(queued_at) FROM execution") == [
        (1, rows.fetch("SELECT updated_at FROM rate_bucket")[0][0])
    ]
