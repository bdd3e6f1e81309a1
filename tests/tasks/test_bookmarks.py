"""How far a job has got: kept at once, read by whoever runs it next, moved by nobody who has lost his claim."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jobs.handlers import LeaseLost
from jobs.rules.states import State
from tasks.bookmarks import Bookmarks
from tests.support import rows

pytestmark = pytest.mark.usefixtures("as_engine")


def running(job: Any, **claim: Any) -> Bookmarks:
    """The bookmarks as a running attempt of the job sees them."""
    execution = rows.execution(job, State.RUNNING)
    given = {"id": execution, "job_id": job[0], "tenant_id": job[1], "epoch": 1, **claim}
    return Bookmarks(SimpleNamespace(**given))  # type: ignore[arg-type]


def test_the_next_execution_reads_what_the_last_one_has_kept():
    job = rows.job(rows.tenant())
    first = running(job)
    assert first.read("main") is None
    first.move("main", {"cursor": 1})
    first.move("main", {"cursor": 2})
    assert running(job).read("main") == {"cursor": 2}
    assert running(job).read("other") is None
    assert running(rows.job(rows.tenant())).read("main") is None


def test_an_attempt_that_was_given_up_moves_nothing():
    job = rows.job(rows.tenant())
    running(job).move("main", 1)
    with pytest.raises(LeaseLost):
        running(job, epoch=7).move("main", 2)
    assert running(job).read("main") == 1
