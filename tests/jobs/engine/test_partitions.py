"""Weeks are made ahead and dropped whole, by the engine, which may do nothing else to tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from structlog.testing import capture_logs

from jobs.engine import partitions
from jobs.engine.partitions import PARENTS
from jobs.engine.records import Fence, Tail
from jobs.rules import identity
from jobs.rules.states import State
from tests.support import one, role_settings, rows, servers
from tests.support.threads import together

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

WEEK = timedelta(weeks=1)
OLD = rows.now() - timedelta(days=200)


@pytest.fixture
def weeks(as_engine: None, empty_database: None) -> Iterator[None]:
    """They are afterwards as they were before."""
    yield
    rows.change("DELETE FROM execution")
    rows.change("DELETE FROM event")
    for parent in PARENTS:
        while rows.fetch("SELECT carillon_drop_partitions(%s, now() - interval '30 days')", parent):
            pass
    partitions.make_ahead()


def name(parent: str, instant: datetime) -> str:
    """The partition of an instant's week."""
    day = instant.astimezone(UTC).date()
    return f"{parent}_p{day - timedelta(days=day.weekday()):%Y%m%d}"


def exists(partition: str) -> bool:
    return bool(rows.fetch("SELECT to_regclass(%s) IS NOT NULL", partition)[0][0])


def make_old_week() -> None:
    for parent in PARENTS:
        rows.fetch("SELECT carillon_make_partition(%s, %s)", parent, OLD)


def homes(table: str) -> set[str]:
    return {row[0] for row in rows.fetch(f"SELECT tableoid::regclass::text FROM {table}")}


@pytest.mark.parametrize("ahead", [-WEEK, timedelta(), 3 * WEEK])
def test_execution_lies_in_its_week_and_takes_attempt_log_and_event_along(ahead):
    instant = rows.now() + ahead
    execution = rows.execution(rows.job(), State.QUEUED, id=identity.request_id(instant))
    claim = one.claim(execution, attempt=1, worker_id=uuid4(), worker="w", pid=1)
    assert claim is not None
    tail = Tail(first_seq=1, lines=[["2026-01-01T00:00:00+00:00", "info", "stdout", "hello"]])
    one.succeed(Fence(id=claim.id, attempt_id=claim.attempt_id, epoch=claim.epoch), tail=tail)
    assert {parent: homes(parent) for parent in PARENTS} == {parent: {name(parent, instant)} for parent in PARENTS}


def test_weeks_are_there_from_the_last_to_four_ahead():
    for weeks in range(-1, partitions.WEEKS_AHEAD + 1):
        assert all(exists(name(parent, rows.now() + weeks * WEEK)) for parent in PARENTS)
    assert partitions.make_ahead() == []


@pytest.mark.usefixtures("weeks")
def test_missing_week_is_made_and_takes_along_what_fell_beside_it():
    instant = rows.now() + 2 * WEEK
    week = name("execution", instant)
    rows.change(f"DROP TABLE {week}")
    execution = rows.execution(rows.job(), id=identity.request_id(instant))
    assert homes("execution") == {"execution_default"}
    assert partitions.make_ahead() == [week]
    assert homes("execution") == {week}
    assert rows.state_of(execution) == State.SCHEDULED
    assert partitions.make_ahead() == []


@pytest.mark.usefixtures("weeks")
def test_rows_no_week_takes_are_an_alarm():
    rows.execution(rows.job(), id=identity.request_id(rows.now() + 40 * WEEK))
    with capture_logs() as logs:
        partitions.make_ahead()
    assert [(entry["event"], entry["rows"]) for entry in logs] == [("partition.missing", 1)]


@pytest.mark.usefixtures("weeks")
def test_two_engines_make_a_week_once():
    week = name("event", rows.now() + WEEK)
    rows.change(f"DROP TABLE {week}")
    assert sorted(together([partitions.make_ahead] * 2)) == [[], [week]]


@pytest.mark.usefixtures("weeks")
def test_making_a_week_may_take_longer_than_other_statements():
    execution = rows.now() + WEEK
    rows.change(f"DROP TABLE {name('event', execution)}")
    connection.close()
    with role_settings.of(["engine"], statement_timeout=20):
        with psycopg.connect(servers.URLS["super"]) as other, capture_logs() as logs:
            other.execute("SELECT pg_advisory_xact_lock(hashtext('carillon partitions'))")
            assert partitions.make_ahead() == []
        assert {"lock timeout" in entry["problem"] for entry in logs} == {True}
        assert partitions.make_ahead() == [name("event", execution)]
    connection.close()


@pytest.mark.usefixtures("weeks")
@pytest.mark.parametrize("parent", PARENTS)
def test_weeks_whose_rows_are_updated_are_vacuumed_early(parent):
    rows.change(f"DROP TABLE {name(parent, rows.now() + WEEK)}")
    partitions.make_ahead()
    for week in (rows.now(), rows.now() + WEEK):  # made by the migration, and made ahead
        found = rows.fetch("SELECT coalesce(reloptions::text, '') FROM pg_class WHERE relname = %s", name(parent, week))
        assert ("autovacuum_vacuum_scale_factor" in found[0][0]) == (parent in ("execution", "attempt"))


@pytest.mark.usefixtures("weeks")
def test_expired_weeks_are_dropped_from_every_table():
    make_old_week()
    rows.execution(rows.job(), State.SUCCEEDED, id=identity.request_id(OLD))
    assert set(partitions.drop_expired()) == {name(parent, OLD) for parent in PARENTS}
    assert partitions.drop_expired() == []
    assert rows.fetch("SELECT count(*) FROM execution") == [(0,)]


@pytest.mark.usefixtures("weeks")
@pytest.mark.parametrize("state", [State.SCHEDULED, State.BLOCKED, State.PENDING, State.QUEUED, State.RUNNING])
def test_week_with_something_live_stays_with_all_that_belongs_to_it(state):
    make_old_week()
    execution = rows.execution(rows.job(), state, id=identity.request_id(OLD))
    assert partitions.drop_expired() == []
    rows.change("UPDATE execution SET state = 'cancelled', finished_at = now() WHERE id = %s", execution)
    assert len(partitions.drop_expired()) == len(PARENTS)


@pytest.mark.usefixtures("weeks")
def test_week_within_the_retention_stays(settings):
    make_old_week()
    midnight = OLD.replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + timedelta(days=7 - OLD.weekday())
    settings.RETENTION = rows.now() - end + timedelta(hours=1)
    assert partitions.drop_expired() == []
    settings.RETENTION = rows.now() - end - timedelta(hours=1)
    assert len(partitions.drop_expired()) == len(PARENTS)


@pytest.mark.usefixtures("weeks")
def test_week_that_is_in_use_is_dropped_next_time():
    make_old_week()
    with psycopg.connect(servers.URLS["super"]) as reader:
        reader.execute(f"SELECT 1 FROM {name('execution', OLD)}")
        assert partitions.drop_expired() == []
    assert len(partitions.drop_expired()) == len(PARENTS)


def refused(role: str, statement: str) -> bool:
    with psycopg.connect(servers.URLS[role], autocommit=True) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
    return False


@pytest.mark.parametrize("role", ["app", "engine"])
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE {week}", "TRUNCATE {week}", "TRUNCATE {parent}", "ALTER TABLE {parent} DETACH PARTITION {week}",
        "CREATE TABLE mine (id int)", "CREATE TABLE mine PARTITION OF {parent} FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('00000000-0000-0000-0000-000000000001')",
        "ALTER TABLE {parent} DISABLE ROW LEVEL SECURITY", "DROP POLICY {parent}_app ON {parent}", "GRANT SELECT ON {week} TO PUBLIC",
    ],
)  # fmt: skip
def test_no_log_in_may_change_tables_by_itself(role, statement):
    for parent in PARENTS:
        assert refused(role, statement.format(parent=parent, week=name(parent, rows.now())))


@pytest.mark.parametrize("role", ["app", "engine"])
@pytest.mark.parametrize("statement", ["SELECT 1 FROM {}", "DELETE FROM {}", "UPDATE {} SET id = id"])
def test_partitions_are_closed_to_queries_that_would_pass_by_the_walls(role, statement):
    for parent in PARENTS:
        assert refused(role, statement.format(name(parent, rows.now())))


def test_app_may_neither_make_nor_drop_partitions():
    assert refused("app", "SELECT carillon_make_partition('execution', now())")
    assert refused("app", "SELECT carillon_drop_partitions('execution', now())")


@pytest.mark.parametrize("function", ["carillon_make_partition", "carillon_drop_partitions"])
@pytest.mark.parametrize("parent", ["job", "execution; DROP TABLE job", "pg_class"])
def test_functions_of_the_owner_touch_partitioned_tables_only(function, parent):
    with (
        psycopg.connect(servers.URLS["engine"]) as engine,
        pytest.raises(psycopg.errors.RaiseException, match="is not partitioned"),
    ):
        engine.execute(f"SELECT {function}(%s, now())", [parent])


def test_ids_of_one_execution_share_its_milliseconds_in_the_database_too():
    parent = identity.request_id(rows.now())
    child: UUID = rows.fetch("SELECT carillon_child_id(%s, 'x')", parent)[0][0]
    assert identity.milliseconds(child) == identity.milliseconds(parent)
    assert (child.version, child.variant) == (7, parent.variant)
    assert rows.fetch(
        "SELECT carillon_child_id(%s, 'x') = %s, carillon_child_id(%s, 'y') <> %s", parent, child, parent, child
    ) == [(True, True)]


def test_the_floor_of_an_instant_is_the_lowest_id_of_its_millisecond():
    instant = datetime(2026, 3, 2, 1, 2, 3, 456_000, tzinfo=UTC)
    assert rows.fetch("SELECT carillon_floor_id(%s) <= %s", instant, identity.floor_id(instant)) == [(True,)]
    earlier = identity.request_id(instant - timedelta(milliseconds=1))
    assert rows.fetch("SELECT carillon_floor_id(%s) > %s", instant, earlier) == [(True,)]
