"""Rates of concurrency keys: starts under a key draw from one bucket, and of several jobs the lowest rate counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from jobs import sql
from jobs.engine import admission, parking, retention
from jobs.engine.admission import Seen
from jobs.rules import concurrency_keys
from jobs.rules.states import State
from tests.support import rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


@pytest.fixture(autouse=True)
def _worker(queue: BrokerQueue) -> None:
    rows.worker(queues=(queue.name,), concurrency=16)


def job(tenant: Any = None, limit: str = "", burst: int | None = None, **columns: Any) -> Any:
    return rows.job(tenant, max_running_per_key=99, key_rate_limit=limit, key_rate_burst=burst, **columns)


def pending(queue: BrokerQueue, of: Any, key: str, count: int = 1, **columns: Any) -> None:
    for _ in range(count):
        rows.execution(of, State.PENDING, queue_id=queue.name, concurrency_key=key, **columns)


def admit(seen: Seen | None = None) -> int:
    return admission.admit_all(seen or Seen()).admitted


def pass_by(seconds: float) -> None:
    """As if every bucket had been drawn from so much earlier."""
    rows.change(
        "UPDATE rate_bucket SET updated_at = updated_at - %(by)s, refill_at = refill_at - %(by)s, full_at = full_at - %(by)s",
        by=timedelta(seconds=seconds),
    )


def parked() -> list[Any]:
    return rows.fetch("SELECT waiting_on, count(*) FROM execution WHERE waiting_on <> '' GROUP BY 1")


def test_each_key_has_a_rate_of_its_own_and_what_is_over_it_is_parked(queue):
    found = job(limit="60/h", burst=2)
    for key in ("a", "b"):
        pending(queue, found, key, 3)
    pending(queue, found, "", 3)
    assert admit() == 2 + 2 + 3
    names = {f"keyrate:{concurrency_keys.name(found[1], key)}": 1 for key in ("a", "b")}
    assert dict(parked()) == names
    pass_by(61)
    assert admit() == 2
    assert parked() == []


def test_a_key_of_another_tenant_is_another_key(queue):
    for _ in range(2):
        pending(queue, job(limit="1/h"), "a", 2)
    assert admit() == 2


def test_all_jobs_of_a_key_draw_from_its_bucket_also_those_without_a_rate(queue):
    tenant = rows.tenant()
    pending(queue, job(tenant, "60/h", 2), "a", 1, priority=9)
    pending(queue, job(tenant), "a", 3)
    assert admit() == 2
    assert [count for _, count in parked()] == [2]
    pass_by(60)
    assert admit() == 1


def test_the_lowest_rate_of_a_key_counts_until_its_bucket_is_full(queue):
    tenant = rows.tenant()
    lax = job(tenant, "60/m", 10)
    pending(queue, job(tenant, "60/h", 1), "a")
    assert admit() == 1
    pending(queue, lax, "a", 4)
    assert admit() == 0
    pass_by(30)
    assert admit() == 0
    pass_by(31)
    # The strict one's minute is over and nothing of it waits: the bucket is full for it, and forgotten.
    assert admit() == 4


def test_a_strict_one_that_waits_is_not_overtaken_for_ever_by_lax_ones(queue):
    tenant = rows.tenant()
    strict, lax = job(tenant, "60/h", 1), job(tenant, "60/m", 10)
    pending(queue, strict, "a", 2)
    assert admit() == 1
    for _ in range(3):
        pass_by(25)
        pending(queue, lax, "a")
        admit()
    assert rows.fetch("SELECT count(*) FROM execution WHERE state = 'queued' AND job_id = %s", strict[0]) == [(2,)]


def test_a_rate_that_is_raised_or_lifted_counts_at_once(queue):
    found = job(limit="1/d")
    pending(queue, found, "a", 4)
    assert admit() == 1
    rows.change("UPDATE job SET key_rate_limit = '60/h' WHERE id = %s", found[0])
    pass_by(120)
    assert admit() == 2
    rows.change("UPDATE job SET key_rate_limit = '' WHERE id = %s", found[0])
    assert admit() == 1


def test_cap_and_rate_of_a_key_hold_together(queue):
    found = rows.job(max_running_per_key=1, key_rate_limit="60/h", key_rate_burst=3)
    pending(queue, found, "a", 3)
    assert admit() == 1
    assert [name.partition(":")[0] for name, _ in parked()] == ["key"]


def test_a_refill_wakes_the_key_in_a_round_that_looks_at_nothing_else(queue):
    seen = Seen()
    admit(seen)
    pending(queue, job(limit="60/h", burst=1), "a", 2)
    assert admit(seen) == 1
    instants = sql.run("next_instants")[0]
    assert 55 < (instants.eases_at - instants.now).total_seconds() <= 60
    assert admit(seen) == 0
    pass_by(60)
    assert admit(seen) == 1


def test_a_sweep_wakes_what_a_lost_bucket_left(queue):
    pending(queue, job(limit="60/h", burst=1), "a", 3)
    admit()
    rows.change("DELETE FROM rate_bucket")
    assert parking.wake_all() == 1


def test_idle_buckets_of_keys_are_pruned(queue):
    pending(queue, job(limit="60/h", burst=1), "a")
    admit()
    assert rows.fetch("SELECT left(key, 4) FROM rate_bucket") == [("key:",)]
    pass_by(61)
    retention.prune()
    assert rows.fetch("SELECT 1 FROM rate_bucket") == []


def test_the_database_names_a_key_as_the_rule_does():
    tenant = uuid4()
    for key in ("a", "kunde:ä{}", "x" * 200):
        assert rows.fetch("SELECT carillon_key_name(%s, %s)", tenant, key) == [(concurrency_keys.name(tenant, key),)]
