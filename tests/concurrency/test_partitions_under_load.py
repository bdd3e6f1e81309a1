"""Weeks come and go while executions are made, claimed and ended: nothing fails, and nobody waits for long."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import OperationalError

from jobs import sql
from jobs.engine import partitions, transitions
from jobs.engine.records import Fence, NewExecution
from jobs.rules import identity
from jobs.rules.states import State
from tests.support import one, role_settings, rows
from tests.support.processes import eventually
from tests.support.threads import together

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

WEEK = timedelta(weeks=1)
#: Weeks before anything a test run makes, and one far ahead: nobody else uses them.
PAST = [rows.now() - (30 + number) * WEEK for number in range(6)]
AHEAD = rows.now() + 30 * WEEK
#: A statement may wait for one that waits for its lock a fifth of a second, and the machine may be busy.
LIMIT_MS = 1500


@pytest.fixture
def limited(as_engine: None) -> Any:
    """Any wait for a lock beyond the limit is an error, for everybody."""
    with role_settings.of(["engine"], lock_timeout=LIMIT_MS):
        yield
    rows.change("DELETE FROM execution")
    for parent in partitions.PARENTS:
        while rows.fetch("SELECT carillon_drop_partitions(%s, now() - interval '20 weeks')", parent):
            pass
        rows.change(f"DROP TABLE IF EXISTS {name(parent, AHEAD)}")
    partitions.make_ahead()


def name(parent: str, instant: datetime) -> str:
    return f"{parent}_p{instant.date() - timedelta(days=instant.weekday()):%Y%m%d}"


def exists(partition: str) -> bool:
    return bool(rows.fetch("SELECT to_regclass(%s) IS NOT NULL", partition)[0][0])


def new(of: Any, instant: datetime) -> NewExecution:
    return NewExecution(
        id=identity.request_id(instant), tenant_id=of[1], job_id=of[0], revision=1, trigger="manual",
        not_before=rows.now() - WEEK, queue_id="default", priority=5, timeout_seconds=60, max_attempts=1,
    )  # fmt: skip


def through(of: Any, instant: datetime) -> UUID:
    """One execution from its creation to its end, a transaction for each step as in the engine."""
    (execution,) = transitions.create([new(of, instant)])
    claim, until = None, time.monotonic() + 300
    while claim is None:  # the other thread may be about to admit it
        assert time.monotonic() < until
        transitions.ripen(now=rows.now(), limit=50)
        transitions.admit(queue="default", room=50)
        claim = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert one.succeed(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch))
    return execution


def test_work_goes_on_while_weeks_are_made_and_dropped(limited):
    job, done = rows.job(), threading.Event()
    worked: list[UUID] = []

    def work() -> None:
        try:
            while not done.is_set():
                worked.append(through(job, rows.now()))
                sql.run("next_instants")
                sql.run("capacity")
        finally:
            done.set()

    def turn_over() -> None:
        try:
            weeks, until = itertools.cycle(PAST), time.monotonic() + 300
            # All weeks once, and again where the machine is busy: until enough was done meanwhile.
            for week in itertools.chain(PAST, itertools.takewhile(lambda _: len(worked) <= 10, weeks)):
                assert time.monotonic() < until
                for parent in partitions.PARENTS:
                    made(parent, week)
                through(job, week)
                while exists(name("execution", week)):
                    partitions.drop_expired()
        finally:
            done.set()

    together([work, turn_over])
    assert len(worked) > 10
    assert rows.fetch("SELECT count(*) FROM execution WHERE state = 'succeeded'") == [(len(worked),)]
    assert not any(exists(name(parent, week)) for parent in partitions.PARENTS for week in PAST)


def made(parent: str, week: datetime) -> None:
    """As make_ahead does, for a week of the test's own."""
    until = time.monotonic() + 300
    while not exists(name(parent, week)):
        partitions._try("make_partition", parent=parent, ahead=week - rows.now())
        assert time.monotonic() < until


def test_a_week_that_was_missing_is_healed_while_rows_fall_beside_it(limited):
    job, done = rows.job(), threading.Event()
    worked: list[UUID] = []

    def work() -> None:
        try:
            while not done.is_set():
                try:
                    worked.append(through(job, AHEAD))
                except OperationalError as told:
                    if "partition constraint" not in str(told):
                        raise  # the row's home was being made: it comes again
        finally:
            done.set()

    def heal() -> None:
        try:
            assert eventually(lambda: worked or done.is_set(), 60)
            made("execution", AHEAD)
            healed = len(worked)
            assert eventually(lambda: len(worked) >= healed + 3 or done.is_set(), 60)
        finally:
            done.set()

    together([work, heal])
    homes = {row[0] for row in rows.fetch("SELECT tableoid::regclass::text FROM execution")}
    assert homes == {name("execution", AHEAD)}
    assert rows.fetch("SELECT count(*) FROM execution WHERE state = 'succeeded'") == [(len(worked),)]


def test_a_week_with_something_live_stays_while_others_go(limited):
    job = rows.job()
    for week in PAST[:2]:
        for parent in partitions.PARENTS:
            made(parent, week)
    live = rows.execution(job, State.RUNNING, id=identity.request_id(PAST[0]))
    through(job, PAST[1])
    partitions.drop_expired()
    assert exists(name("execution", PAST[0]))
    assert not exists(name("execution", PAST[1]))
    assert rows.state_of(live) == State.RUNNING


def test_whoever_makes_a_week_gives_up_soon_behind_a_long_reader(limited):
    for parent in partitions.PARENTS:
        made(parent, PAST[0])
    with psycopg.connect(rows.servers.URLS["super"]) as reader:
        reader.execute("SELECT count(*) FROM execution")
        assert partitions.drop_expired() == []
        through(rows.job(), rows.now())  # goes on beside the reader
    assert len(partitions.drop_expired()) == len(partitions.PARENTS)
