"""A worker's lease: one row a boot, and a deadline that is always earlier than the database's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from jobs.engine import leases, watchdog
from jobs.engine.leases import Lease
from jobs.rules.states import State
from tasks import heartbeat
from tests.support import rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")


def test_renewal_tells_who_lives_and_for_how_long():
    lease = Lease(name="w@host", queues=["default", "reports"], concurrency=4, pid=10)
    lease.renew([11, 12])
    assert rows.fetch(
        "SELECT id, name, queues, pool, concurrency, pid, pids, draining, lease_expires_at - renewed_at FROM worker"
    ) == [(lease.id, "w@host", ["default", "reports"], "prefork", 4, 10, [11, 12], False, settings.LEASE)]


def test_next_renewal_changes_the_same_row():
    lease = Lease(name="w@host")
    lease.renew([11])
    first = rows.fetch("SELECT lease_expires_at, started_at FROM worker")[0]
    lease.draining = True
    lease.renew([12])
    later, started, pids, draining = rows.fetch("SELECT lease_expires_at, started_at, pids, draining FROM worker")[0]
    assert (pids, draining, started) == ([12], True, first[1])
    assert later > first[0]


def test_each_boot_has_a_lease_of_its_own():
    Lease(name="w@host").renew([])
    Lease(name="w@host").renew([])
    assert rows.fetch("SELECT count(DISTINCT id) FROM worker") == [(2,)]


def test_lease_is_trusted_from_its_first_renewal_until_before_the_database_gives_it_up(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(leases, "boot_time", lambda: now[0])
    lease = Lease()
    assert not lease.is_trusted
    lease.renew([])
    now[0] += settings.LEASE.total_seconds() - leases.margin() - 0.01
    assert lease.is_trusted
    now[0] += 0.02
    assert not lease.is_trusted


def test_trust_counts_from_before_the_renewal_was_sent(monkeypatch):
    clock = iter([1000.0, 1000.0 + settings.LEASE.total_seconds()])
    monkeypatch.setattr(leases, "boot_time", lambda: next(clock))
    lease = Lease()
    lease.renew([])  # the answer took a whole lease
    assert not lease.is_trusted


def test_what_a_cleanly_ended_worker_still_held_is_found_at_the_next_sweep():
    lease = Lease(name="w@host")
    lease.renew([1])
    execution = rows.execution(
        rows.job(), State.RUNNING, worker_id=lease.id, started_at=rows.now() - timedelta(minutes=1)
    )
    assert watchdog.recover_lost() == 0
    lease.end()
    assert rows.fetch("SELECT draining, pids FROM worker") == [(True, [])]
    assert watchdog.recover_lost() == 1
    assert rows.state_of(execution) == State.SCHEDULED


@pytest.mark.parametrize("seconds", [3, 15, 30, 600])
def test_a_lease_of_any_length_is_renewed_before_it_is_not_trusted(settings, seconds):
    settings.LEASE = timedelta(seconds=seconds)
    assert leases.renew_every() + heartbeat.LOOK_EVERY < seconds - leases.margin() < seconds


def test_a_worker_tells_what_it_refuses_and_why():
    Lease(name="w@host", refuses={"script": "no namespaces"}).renew([])
    assert rows.fetch("SELECT refuses FROM worker") == [({"script": "no namespaces"},)]
