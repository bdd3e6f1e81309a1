"""What a worker must no longer run is killed, and a worker that must go goes; none of it needs a database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from jobs.engine import leases
from jobs.engine.leases import Lease
from tasks import warden
from tasks.warden import Warden


@pytest.fixture
def lease() -> Lease:
    """One that holds."""
    return Lease(name="w@host", queues=["default"], pid=1, trusted_until=leases.boot_time() + 60)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Who was sent which signal, instead of being sent it."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(warden, "_kill", lambda pid, sign: sent.append((pid, sign)))
    return sent


def of(lease: Lease, busy: list[int], **asked: Any) -> Warden:
    return Warden(lease, busy=lambda: busy, **({"overdue": lambda: False} | asked))


def test_children_run_on_while_the_lease_is_trusted(lease, child):
    of(lease, [child.pid]).look()
    assert child.poll() is None


def test_children_are_killed_once_the_lease_can_no_longer_be_trusted(lease, child):
    lease.trusted_until = leases.boot_time() - 1
    of(lease, [child.pid]).look()
    assert child.wait(30) == -signal.SIGKILL
    of(lease, [child.pid]).look()  # it is gone, and that is no trouble


def test_the_thread_looks_by_itself(lease, child, monkeypatch):
    monkeypatch.setattr(warden, "LOOK_EVERY", 0.02)
    lease.trusted_until = leases.boot_time() - 1
    thread = of(lease, [child.pid])
    thread.start()
    assert child.wait(30) == -signal.SIGKILL
    thread.stop()
    thread.join(60)
    assert not thread.is_alive()


def test_whatever_it_meets_it_looks_again(lease, child, monkeypatch):
    """What Celery's main loop writes to is read from here; without this thread nobody would be killed any more."""
    monkeypatch.setattr(warden, "LOOK_EVERY", 0.02)
    lease.trusted_until = leases.boot_time() - 1
    asked: list[int] = []

    def busy() -> list[int]:
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("Set changed size during iteration")
        return [child.pid]

    thread = Warden(lease, busy=busy, overdue=lambda: False)
    thread.start()
    assert child.wait(10) == -signal.SIGKILL
    thread.stop()
    thread.join(10)


def test_worker_that_never_had_a_lease_kills_nobody(child):
    of(Lease(name="w@host"), [child.pid]).look()
    assert child.poll() is None


def test_worker_that_should_have_ended_is_ended(lease, killed):
    of(lease, [], overdue=lambda: True).look()
    assert killed == [(os.getpid(), signal.SIGKILL)]
