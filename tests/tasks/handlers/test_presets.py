"""``aggregation`` and ``cleanup`` in each kind of database."""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from jobs import handlers
from jobs.handlers import HandlerError, PermanentFailure
from tasks.databases import periods
from tasks.handlers import cleanup
from tests.support import contexts, databases

handlers.load(["tasks.handlers"])


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def fields(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param != "sqlite":
        found: dict[str, Any] = getattr(databases, request.param)()
        return found
    sqlite: dict[str, Any] = request.getfixturevalue("local")
    return sqlite


@pytest.fixture
def local(tmp_path: Any, settings: Any) -> dict[str, Any]:
    """A file of SQLite."""
    settings.FILES = tmp_path
    (tmp_path / "acme").mkdir()
    sqlite3.connect(tmp_path / "acme" / "shop.sqlite3").execute("VACUUM").connection.close()
    return {"kind": "sqlite", "path": "shop.sqlite3"}


def ran(job_type: str, fields: dict[str, Any], *, timeout: float = 30, **payload: Any) -> Any:
    handler = handlers.get(job_type)
    with contexts.recording(databases.ALLOWED, timeout=timeout, revealed={"it": fields}) as context:
        return handler.run(handler.params.model_validate({"connection": "it", **payload}), context)


def rows(fields: dict[str, Any], query: str) -> list[Any]:
    return [list(row.values()) for row in ran("database", fields, query=query)["rows"]]


@pytest.mark.parametrize("mode", [{"mode": "upsert", "keys": ["day"]}, {"mode": "replace", "period_column": "day"}])
def test_an_aggregation_run_again_leaves_the_same(fields, mode):
    ran("database", fields, statements=[
        "DROP TABLE IF EXISTS sale", "DROP TABLE IF EXISTS total",
        "CREATE TABLE sale (day date, amount integer)", "CREATE TABLE total (day date PRIMARY KEY, amount integer)",
        "INSERT INTO sale VALUES ('2026-01-30 00:00:00', 5), ('2026-01-31 00:00:00', 2), ('2026-01-31 00:00:00', 3), ('2026-02-01 00:00:00', 7)",
        "INSERT INTO total VALUES ('2026-01-29 00:00:00', 1), ('2026-01-31 00:00:00', 99)",
    ])  # fmt: skip
    payload = {
        "query": "SELECT day, sum(amount) FROM sale WHERE day >= :period_start AND day < :period_end AND amount > :least GROUP BY day; ",
        "target": "total", "columns": ["day", "amount"], "at": "2026-02-01T03:00:00Z", "params": {"least": 0}, **mode,
    }  # fmt: skip
    for _ in range(2):
        result = ran("aggregation", fields, **payload)
        assert result["period_start"] == "2026-01-31T00:00:00+00:00"
    found = rows(fields, "SELECT day, amount FROM total ORDER BY day")
    assert [(str(day)[:10], int(amount)) for day, amount in found] == [("2026-01-29", 1), ("2026-01-31", 5)]


def test_a_clean_up_deletes_what_is_old_and_nothing_else(fields):
    ran("database", fields, statements=[
        "DROP TABLE IF EXISTS visited", "CREATE TABLE visited (id integer, seen timestamp)",
        *["INSERT INTO visited VALUES (1, '2020-01-01 00:00:00'), (2, '2021-01-01 00:00:00'), (3, '2037-01-01 00:00:00')"] * 3,
    ])  # fmt: skip
    payload = {"table": "visited", "column": "seen", "older_than_days": 30, "batch_rows": 2, "pause_seconds": 0}
    result = ran("cleanup", fields, **payload)
    assert (result["deleted"], result["done"], result["batches"]) == (6, True, 4)
    assert rows(fields, "SELECT DISTINCT id FROM visited") == [[3]]


def test_a_clean_up_whose_time_is_up_says_so(monkeypatch):
    def ten_seconds_pass(_: float, context: Any) -> None:
        context._deadline -= 10

    monkeypatch.setattr(cleanup, "_pause", ten_seconds_pass)
    fields = databases.postgresql()
    make = "CREATE TABLE IF NOT EXISTS slowly AS SELECT TIMESTAMP '2020-01-01' AS seen FROM generate_series(1, 1000)"
    ran("database", fields, statements=[make])
    payload = {"table": "slowly", "column": "seen", "older_than_days": 1, "batch_rows": 1, "pause_seconds": 0.2}
    result = ran("cleanup", fields, timeout=120, **payload)
    assert (result["done"], 0 < result["deleted"] < 1000) == (False, True)


def test_a_clean_up_deletes_old_files_that_fit(tmp_path, settings):
    settings.FILES = tmp_path
    for path, days in {"x/old.csv": 10, "x/new.csv": 1, "x/old.txt": 10, "x/deep/old.csv": 10}.items():
        (tmp_path / "acme" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "acme" / path).touch()
        os.utime(tmp_path / "acme" / path, (time.time() - days * 86_400,) * 2)

    def cleaned(**payload: Any) -> Any:
        result = ran("cleanup", {}, path="x", pattern="*.csv", older_than_days=5, connection=None, **payload)
        return [entry["path"] for entry in result["entries"]], result["deleted"], result["done"]

    assert cleaned(dry_run=True) == (["x/old.csv"], 0, False)
    assert cleaned(recursive=True) == (["x/old.csv", "x/deep/old.csv"], 2, True)
    left = sorted(path.name for path in (tmp_path / "acme/x").rglob("*") if path.is_file())
    assert left == ["new.csv", "old.txt"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({}, "say connection, table and column"), ({"connection": "a", "table": "b"}, "say connection, table and column"),
        ({"path": "../other"}, "without them"), ({"path": "x", "table": "b"}, "make two jobs"), ({"connection": "a", "table": "b", "column": "c", "store": "d"}, "there is no path"),
    ],
)  # fmt: skip
def test_a_clean_up_is_of_rows_or_of_files(wish, message):
    with pytest.raises(ValueError, match=message):
        handlers.get("cleanup").params.model_validate({"older_than_days": 1, **wish})


@pytest.mark.parametrize(
    ("period", "back", "zone", "begin", "end"),
    [
        ("hour", 1, "UTC", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("day", 0, "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("week", 1, "UTC", "2026-03-16T00:00", "2026-03-23T00:00"),
        ("month", 3, "UTC", "2025-12-01T00:00", "2026-01-01T00:00"),
    ],
)
def test_periods(period, back, zone, begin, end):
    found = periods.window(datetime(2026, 3, 29, 2, 30, tzinfo=UTC), period, back, zone)
    assert [each.strftime("%Y-%m-%dT%H:%M") for each in found] == [begin, end]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"mode": "upsert"}, "upsert needs keys"),
        ({"mode": "upsert", "keys": ["other"]}, "upsert needs keys"),
        ({"mode": "replace"}, "replace needs period_column"),
        ({"mode": "upsert", "keys": ["a"], "target": 'x" ("'}, "pattern"),
    ],
)
def test_a_wrong_aggregation_is_told(payload, message):
    base = {"connection": "it", "query": "SELECT 1", "target": "x", "columns": ["a"]}
    with pytest.raises(ValidationError, match=message):
        handlers.get("aggregation").params.model_validate({**base, **payload})


@pytest.mark.parametrize("day", ["2026-01-31", "2026-01-31 00:00:00", "2026-01-31T00:00:00+00:00"])
def test_sqlite_knows_a_period_by_any_of_its_texts_of_a_time(local, day):
    ran("database", local, statements=[
        "CREATE TABLE total (day text, amount integer)",
        "INSERT INTO total VALUES ('2026-01-30', 1), ('2026-01-31T23:59:59Z', 98), ('2026-01-31', 99), ('2026-02-01', 2)",
    ])  # fmt: skip
    payload = {
        "query": f"SELECT '{day}', 5", "target": "total", "columns": ["day", "amount"], "at": "2026-02-01T03:00:00Z",
        "mode": "replace", "period_column": "day",
    }  # fmt: skip
    assert [ran("aggregation", local, **payload)["replaced"] for _ in range(3)] == [2, 1, 1]
    assert rows(local, "SELECT day, amount FROM total ORDER BY day") == [["2026-01-30", 1], [day, 5], ["2026-02-01", 2]]


def test_a_day_is_the_zones_where_the_column_holds_dates(fields):
    ran("database", fields, statements=[
        "DROP TABLE IF EXISTS total", "CREATE TABLE total (day date, amount integer)",
        "INSERT INTO total VALUES ('2026-01-30', 1), ('2026-01-31', 99), ('2026-02-01', 2)",
    ])  # fmt: skip
    payload = {
        "query": "SELECT '2026-01-31', 5" if fields["kind"] == "sqlite" else "SELECT DATE '2026-01-31', 5",
        "target": "total", "columns": ["day", "amount"], "at": "2026-02-01T03:00:00Z", "timezone": "Europe/Berlin",
        "mode": "replace", "period_column": "day",
    }  # fmt: skip
    assert [ran("aggregation", fields, **payload)["replaced"] for _ in range(2)] == [1, 1]
    found = rows(fields, "SELECT day, amount FROM total ORDER BY day")
    assert [(str(day)[:10], amount) for day, amount in found] == [
        ("2026-01-30", 1),
        ("2026-01-31", 5),
        ("2026-02-01", 2),
    ]


def test_rows_that_a_repetition_would_not_replace_are_refused(fields):
    ran("database", fields, statements=["DROP TABLE IF EXISTS total", "CREATE TABLE total (day date, amount integer)"])
    payload = {
        "query": "SELECT '2026-01-31', 5 UNION ALL SELECT '2026-02-07', 7", "target": "total", "columns": ["day", "amount"],
        "at": "2026-02-01T03:00:00Z", "mode": "replace", "period_column": "day",
    }  # fmt: skip
    if fields["kind"] == "postgresql":
        payload["query"] = payload["query"].replace("'2026", "DATE '2026")
    with pytest.raises(PermanentFailure, match="1 of its 2 rows has a day outside of the period"):
        ran("aggregation", fields, **payload)
    assert rows(fields, "SELECT * FROM total") == []


def test_a_column_that_does_not_exist_is_no_text(fields):
    ran("database", fields, statements=["DROP TABLE IF EXISTS visited", "CREATE TABLE visited (seen timestamp)"])
    with pytest.raises(HandlerError, match="seenat"):
        ran("cleanup", fields, table="visited", column="seenat", older_than_days=30)
    with pytest.raises(HandlerError, match="seenat"):
        ran(
            "aggregation",
            fields,
            query="SELECT 1",
            target="visited",
            columns=["seenat"],
            mode="replace",
            period_column="seenat",
        )


def test_numbers_in_sqlite_are_not_taken_for_old_times(local):
    """There, each of them is less than any text."""
    ran("database", local, statements=["CREATE TABLE visited (seen)", "INSERT INTO visited VALUES (4102444800), (1)"])
    with pytest.raises(PermanentFailure, match="seen holds values of type integer"):
        ran("cleanup", local, table="visited", column="seen", older_than_days=30)
    ran(
        "database", local, statements=["DELETE FROM visited", "INSERT INTO visited VALUES ('2020-01-01'), (4102444800)"]
    )
    assert ran("cleanup", local, table="visited", column="seen", older_than_days=30)["deleted"] == 1
