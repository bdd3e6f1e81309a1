"""Throttles: a lower cap of a tenant, a queue or a job until an instant, and its own limits afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs import sql
from jobs.engine import admission
from jobs.engine.admission import Seen
from jobs.rules.states import State
from tests.support import broker, rows
from tests.support.broker import BrokerQueue

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def admit() -> int:
    return admission.admit_all(Seen()).admitted


def throttle(to: int) -> dict[str, Any]:
    return {"throttle_max_running": to, "throttled_until": rows.now() + timedelta(minutes=5)}


def waiting(queue: BrokerQueue, of: Any) -> None:
    rows.worker(queues=(queue.name,), concurrency=8)
    for _ in range(6):
        rows.execution(of, State.PENDING, queue_id=queue.name)


def is_over(table: str) -> None:
    rows.change(f"UPDATE {table} SET throttled_until = clock_timestamp() WHERE throttled_until IS NOT NULL")


@pytest.mark.parametrize("lasting", [None, 5])
@pytest.mark.parametrize("to", [0, 2])
def test_a_throttled_job_has_the_lower_cap_until_the_throttle_ends(queue, to, lasting):
    waiting(queue, rows.job(max_running=lasting, **throttle(to)))
    assert admit() == to
    is_over("job")
    assert admit() == (lasting or 6) - to


@pytest.mark.parametrize("to", [0, 2])
def test_a_throttled_tenant_is_passed_over_at_the_lower_cap(queue, to):
    waiting(queue, rows.job(rows.tenant(max_running=4, **throttle(to))))
    assert admit() == to
    is_over("tenant")
    assert admit() == 4 - to


def test_a_throttled_queue_has_the_lower_cap():
    queue = broker.queue(**throttle(1))
    waiting(queue, rows.job())
    assert admit() == 1
    is_over("queue")
    assert admit() == 5


def test_a_throttle_above_the_cap_raises_nothing(queue):
    waiting(queue, rows.job(max_running=1, **throttle(5)))
    assert admit() == 1


@pytest.mark.parametrize("make", [rows.job, rows.tenant, broker.queue], ids=["job", "tenant", "queue"])
def test_the_timer_is_told_when_a_throttle_ends(make):
    limits = throttle(1)
    make(**limits)
    make(throttle_max_running=1, throttled_until=rows.now() - timedelta(minutes=1))
    assert sql.run("next_instants")[0].eases_at == limits["throttled_until"]
