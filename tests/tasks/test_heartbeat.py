"""The worker's main process renews its lease, and lets go of what it may no longer run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import OperationalError

from jobs.engine import leases
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


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def pids():
    return [row[0] for row in rows.fetch("SELECT pids FROM worker")]


def stopped(beat):
    beat.stop()
    beat.join(10)
    return not beat.is_alive()


def test_child_that_comes_or_goes_is_told_at_once(lease):
    children = [11, 12]
    beat = Heartbeat(lease, children=lambda: list(children), busy=list)
    beat.start()
    assert eventually(lambda: pids() == [[11, 12]])
    children.remove(11)
    assert eventually(lambda: pids() == [[12]])
    assert stopped(beat)


def test_nothing_is_told_while_nothing_changes(lease, monkeypatch):
    renewals = []
    monkeypatch.setattr(Lease, "renew", lambda self, pids: renewals.append(pids))
    beat = Heartbeat(lease, children=lambda: [2, 1], busy=list)
    for _ in range(3):
        beat._beat()
    assert renewals == [[1, 2]]


def test_lease_is_renewed_when_its_time_has_come(lease, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(heartbeat, "boot_time", lambda: now[0])
    beat = Heartbeat(lease, children=list, busy=list)
    beat._beat()
    first = rows.fetch("SELECT renewed_at FROM worker")
    now[0] += heartbeat.RENEW_EVERY
    beat._beat()
    assert rows.fetch("SELECT renewed_at FROM worker") > first


def test_draining_is_told_at_once(lease):
    beat = Heartbeat(lease, children=list, busy=list)
    beat._beat()
    lease.draining = True
    beat._beat()
    assert rows.fetch("SELECT draining FROM worker") == [(True,)]


def test_end_of_the_worker_ends_its_lease(lease):
    beat = Heartbeat(lease, children=lambda: [1], busy=list)
    beat.start()
    assert eventually(pids)
    assert stopped(beat)
    assert rows.fetch("SELECT pids, lease_expires_at <= clock_timestamp() FROM worker") == [([], True)]


def away(*_):
    raise OperationalError("no route to host")


def test_children_run_on_while_the_lease_is_still_trusted(lease, child, monkeypatch):
    beat = Heartbeat(lease, children=lambda: [child.pid], busy=lambda: [child.pid])
    beat._beat()
    monkeypatch.setattr(Lease, "renew", away)
    beat._renewed_at = 1.0  # long ago: to be renewed now
    beat._beat()
    assert child.poll() is None


def test_children_are_killed_once_the_lease_can_no_longer_be_trusted(lease, child, monkeypatch):
    beat = Heartbeat(lease, children=lambda: [child.pid], busy=lambda: [child.pid])
    beat._beat()
    monkeypatch.setattr(Lease, "renew", away)
    beat._renewed_at = 1.0
    lease.trusted_until = leases.boot_time() - 1
    beat._beat()
    assert child.wait(30) == -signal.SIGKILL


def test_worker_that_never_had_a_lease_kills_nobody(lease, child, monkeypatch):
    monkeypatch.setattr(Lease, "renew", away)
    Heartbeat(lease, children=lambda: [child.pid], busy=lambda: [child.pid])._beat()
    assert child.poll() is None


def test_worker_ends_although_its_lease_cannot_be_ended(lease, monkeypatch):
    monkeypatch.setattr(Lease, "end", away)
    beat = Heartbeat(lease, children=list, busy=list)
    beat.start()
    assert stopped(beat)
