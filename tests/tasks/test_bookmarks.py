"""How far a job has got: kept at once, read by whoever runs it next, moved by nobody who has lost his claim."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jobs.engine import retention
from jobs.handlers import HandlerError, LeaseLost
from jobs.rules.states import State
from tasks import bookmarks
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


def test_a_job_has_so_many_and_none_is_larger_than_so_much(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bookmarks, "MOST", 2)
    of = running(rows.job(rows.tenant()))
    of.move("a", 1)
    of.move("b", 1)
    of.move("a", 2)
    with pytest.raises(HandlerError, match="2 bookmarks already"):
        of.move("c", 1)
    with pytest.raises(HandlerError, match="65536 are the most"):
        of.move("a", "x" * 65_535)
    assert (of.read("a"), of.read("c")) == (2, None)


def test_they_are_deleted_with_their_job():
    tenant = rows.tenant()
    gone, kept = rows.job(tenant), rows.job(tenant)
    for job in (gone, kept):
        running(job).move("main", 1)
    rows.change("UPDATE job SET state = 'deleted' WHERE id = %s", gone[0])
    retention.prune()
    assert rows.fetch("SELECT job_id FROM bookmark WHERE tenant_id = %s", tenant) == [(kept[0],)]
