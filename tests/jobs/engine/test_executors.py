"""Work behind all that is live takes a share of the places of a tenant's own executors, whatever others have on the queue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from jobs.engine import admission, transitions
from jobs.engine.admission import Seen
from jobs.rules.states import State
from tests.support import executors, rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

BEHIND = -5


@pytest.fixture
def queue() -> str:
    return executors.queue()


def served(queue: str, places: int) -> Any:
    """A job of a tenant that has an executor of its own there."""
    job = rows.job(queue_id=queue, type="external")
    executors.row(job[1], queues=[queue], max_concurrent=places)
    return job


def pending(job: Any, queue: str, count: int, priority: int) -> list[UUID]:
    return [rows.execution(job, State.PENDING, queue_id=queue, priority=priority) for _ in range(count)]


def in_flight(job: Any) -> list[tuple[int, int]]:
    return rows.fetch(
        "SELECT priority, count(*) FROM execution WHERE job_id = %s AND state IN ('queued', 'running') GROUP BY 1 ORDER BY 1",
        job[0],
    )


def test_half_of_a_tenants_own_places_however_many_others_have(queue):
    own = served(queue, 2)
    served(queue, 100)
    behind = pending(own, queue, 4, BEHIND)
    assert admission.admit_all(Seen()).admitted == 1
    pending(own, queue, 3, 5)
    assert admission.admit_all(Seen()).admitted == 1
    assert in_flight(own) == [(BEHIND, 1), (5, 1)]
    assert transitions.cancel(next(each for each in behind if rows.state_of(each) == State.QUEUED))
    assert admission.admit_all(Seen()).admitted == 1
    assert in_flight(own) == [(5, 2)]


def test_what_is_behind_live_work_of_others_takes_none_of_ones_own_places(queue):
    theirs, own = served(queue, 8), served(queue, 2)
    pending(theirs, queue, 20, BEHIND)
    assert admission.admit_all(Seen()).admitted == 4
    pending(own, queue, 2, BEHIND)
    assert admission.admit_all(Seen()).admitted == 1
    assert (in_flight(theirs), in_flight(own)) == ([(BEHIND, 4)], [(BEHIND, 1)])


def test_a_share_that_is_free_again_is_given_on(queue):
    own = served(queue, 4)
    behind = pending(own, queue, 6, BEHIND)
    for _ in range(3):
        assert admission.admit_all(Seen()).admitted == 2
        for each in behind:
            if rows.state_of(each) == State.QUEUED:
                transitions.cancel(each)
    assert {rows.state_of(each) for each in behind} == {State.CANCELLED}
