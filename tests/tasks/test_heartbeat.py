"""The worker's main process renews its lease, and lets go of what it may no longer run."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from jobs.engine.leases import Lease
from tasks import heartbeat
from tasks.heartbeat import Heartbeat
from tests.support import rows
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "LOOK_EVERY", 0.02)


@pytest.fixture
def lease() -> Lease:
    return Lease(name="w@host", queues=["default"], pid=1)


def pids():
    return [row[0] for row in rows.fetch("SELECT pids FROM worker")]


def stopped(beat):
    beat.stop()
    beat.join(60)
    return not beat.is_alive()


def test_child_that_comes_or_goes_is_told_at_once(lease):
    children = [11, 12]
    beat = Heartbeat(lease, children=lambda: list(children))
    beat.start()
    assert eventually(lambda: pids() == [[11, 12]])
    children.remove(11)
    assert eventually(lambda: pids() == [[12]])
    assert stopped(beat)


def test_nothing_is_told_while_nothing_changes(lease, monkeypatch):
    renewals = []
    monkeypatch.setattr(Lease, "renew", lambda self, pids: renewals.append(pids))
    beat = Heartbeat(lease, children=lambda: [2, 1])
    for _ in range(3):
        beat._beat()
    assert renewals == [[1, 2]]


def test_lease_is_renewed_when_its_time_has_come(lease, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(heartbeat, "boot_time", lambda: now[0])
    beat = Heartbeat(lease, children=list)
    beat._beat()
    first = rows.fetch("SELECT renewed_at FROM worker")
    now[0] += heartbeat.renew_every()
    beat._beat()
    assert rows.fetch("SELECT renewed_at FROM worker") > first


def test_draining_is_told_at_once(lease):
    beat = Heartbeat(lease, children=list)
    beat._beat()
    lease.draining = True
    beat._beat()
    assert rows.fetch("SELECT draining FROM worker") == [(True,)]


def test_end_of_the_worker_ends_its_lease(lease):
    beat = Heartbeat(lease, children=lambda: [1])
    beat.start()
    assert eventually(pids)
    assert stopped(beat)
    assert rows.fetch("SELECT pids, lease_expires_at <= clock_timestamp() FROM worker") == [([], True)]


def away(*_):
    raise OperationalError("no route to host")


def test_lease_that_could_not_be_renewed_is_renewed_when_the_database_is_back(lease, monkeypatch):
    renew, tries = Lease.renew, []

    def away_once(self, pids):
        tries.append(1)
        return away() if len(tries) == 1 else renew(self, pids)

    monkeypatch.setattr(Lease, "renew", away_once)
    beat = Heartbeat(lease, children=lambda: [7])
    beat._beat()
    assert not lease.trusted_until
    beat._beat()
    assert (lease.is_trusted, pids()) == (True, [[7]])


def test_whatever_it_meets_it_beats_on(lease):
    """A worker whose heartbeat has ended would go on to claim, and have all of it killed."""
    asked = []

    def children():
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("Set changed size during iteration")
        return [7]

    beat = Heartbeat(lease, children=children)
    beat.start()
    assert eventually(lambda: pids() == [[7]], seconds=5)
    assert stopped(beat)


def test_worker_ends_although_its_lease_cannot_be_ended(lease, monkeypatch):
    monkeypatch.setattr(Lease, "end", away)
    beat = Heartbeat(lease, children=list)
    beat.start()
    assert stopped(beat)
