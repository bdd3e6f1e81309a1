"""The ``database`` job type: what it keeps of rows, in which form, and what it refuses to be told."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from typing import Any

import pytest
from pydantic import ValidationError

from jobs import handlers
from jobs.handlers import HandlerError
from tests.support import contexts, databases

handlers.load(["tasks.handlers"])
MANY = "SELECT g AS id, repeat('x', 100) AS name FROM generate_series(1, 20000) g"


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def fields(request: pytest.FixtureRequest, tmp_path: Any, settings: Any) -> dict[str, Any]:
    if request.param != "sqlite":
        found: dict[str, Any] = getattr(databases, request.param)()
        return found
    settings.FILES = tmp_path
    (tmp_path / "acme").mkdir()
    sqlite3.connect(tmp_path / "acme" / "shop.sqlite3").execute("VACUUM").connection.close()
    return {"kind": "sqlite", "path": "shop.sqlite3"}


def ran(fields: dict[str, Any], **payload: Any) -> tuple[Any, dict[str, bytes]]:
    """The result, and what was kept in artifacts."""
    handler = handlers.get("database")
    with contexts.recording(databases.ALLOWED, revealed={"it": fields}) as context:
        result = handler.run(handler.params.model_validate({"connection": "it", **payload}), context)
        return json.loads(json.dumps(result)), {name: kept.content for name, kept in context.artifacts.items()}


def test_statements_run_in_order_in_one_transaction(fields):
    make = ["DROP TABLE IF EXISTS done", "CREATE TABLE done (id integer PRIMARY KEY)"]
    assert len(ran(fields, statements=make, transaction="each")[0]["statements"]) == 2
    result, _ = ran(
        fields,
        statements=["INSERT INTO done VALUES (:one), (2)", "DELETE FROM done WHERE id = :one"],
        params={"one": 1},
    )
    assert [each["rows"] for each in result["statements"]] == [2, 1]
    with pytest.raises(HandlerError):
        ran(fields, statements=["DELETE FROM done", "INSERT INTO done VALUES (5), (5)"])
    assert ran(fields, query="SELECT id FROM done", read_only=True)[0]["rows"] == [{"id": 2}]
    with pytest.raises(HandlerError):
        ran(fields, statements=["DELETE FROM done", "INSERT INTO done VALUES (5), (5)"], transaction="each")
    assert ran(fields, query="SELECT id FROM done")[0]["row_count"] == 0
    assert ran(fields, query="INSERT INTO done VALUES (7)")[0]["rows_touched"] == 1


TYPED = {
    "postgresql": (
        "SELECT 1::bigint AS i, 1.50::numeric(9,2) AS d, 2.5::float8 AS f, 'NaN'::float8 AS n, true AS b, 'ä' AS t,"
        " '\\\\x00ff'::bytea AS raw, DATE '2026-01-31' AS day, 'infinity'::date AS never, TIMESTAMPTZ '2026-01-31 10:00+02' AS at,"
        " INTERVAL '1 month' AS length, '{\"a\": [1]}'::jsonb AS j, ARRAY[1, 2] AS a, NULL AS nil"
    ),
    "mysql": (
        "SELECT CAST(1 AS SIGNED) AS i, CAST(1.5 AS DECIMAL(9,2)) AS d, CAST(2.5 AS DOUBLE) AS f, 'ä' AS t,"
        " CAST(x'00ff' AS BINARY) AS raw, DATE '2026-01-31' AS day, CAST('-25:00:00' AS TIME) AS length, NULL AS nil"
    ),
    "sqlite": "SELECT 1 AS i, 2.5 AS f, 'ä' AS t, x'00ff' AS raw, NULL AS nil",
}
PLAIN = {
    "i": 1, "d": "1.50", "f": 2.5, "n": "nan", "b": True, "t": "ä", "raw": "AP8=", "day": "2026-01-31", "never": "infinity",
    "j": {"a": [1]}, "a": [1, 2], "nil": None,
}  # fmt: skip


def test_types_are_kept_without_loss(fields):
    query = TYPED[fields["kind"]].replace("\\\\", "\\")
    result, _ = ran(fields, query=query, read_only=True)
    (row,) = result["rows"]
    assert row.pop("at", None) in (None, "2026-01-31T08:00:00+00:00")
    assert row.pop("length", None) in (None, "1 mon", "-25:00:00")
    assert row == {name: PLAIN[name] for name in row}
    assert result["columns"][0] == "i"


def test_parquet_has_the_types_of_the_columns(fields):
    import pyarrow.parquet as pq

    query = TYPED[fields["kind"]].replace("\\\\", "\\").replace("'infinity'", "NULL")
    result, kept = ran(fields, query=query, output="parquet", name="typed", read_only=True)
    table = pq.read_table(io.BytesIO(kept["typed.parquet"]))
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["i"], types["f"], types["t"], types["raw"]) == ("int64", "double", "string", "binary")
    if "d" in types:
        assert types["d"].startswith("decimal128(")
        assert (types["day"], str(table["d"][0])) == ("date32[day]", "1.50")
    assert table.num_rows == 1
    assert result["file"]["artifact"] == "typed.parquet"


def test_parquet_of_no_rows_and_of_a_value_that_does_not_fit(fields):
    import pyarrow.parquet as pq

    _, kept = ran(fields, query="SELECT 1 AS a WHERE 1 = 0" if fields["kind"] != "mysql" else "SELECT 1 AS a FROM dual WHERE 1 = 0", output="parquet")  # fmt: skip
    assert pq.read_table(io.BytesIO(kept["rows.parquet"])).column_names == ["a"]
    if fields["kind"] == "sqlite":
        with pytest.raises(HandlerError, match="column a is int64 and holds a value that is none: CAST it"):
            ran(fields, query="SELECT 1 AS a UNION ALL SELECT 'x'", output="parquet")


def test_csv_and_ndjson(fields):
    query = "SELECT '=1+1' AS a, -5 AS b, 'say \"x\", y' AS c, NULL AS d"
    result, kept = ran(fields, query=query, output="csv", name="sheet")
    assert list(csv.reader(io.StringIO(kept["sheet.csv"].decode()))) == [
        ["a", "b", "c", "d"],
        ["'=1+1", "-5", 'say "x", y', ""],
    ]
    assert (result["row_count"], result["truncated"], "rows" in result) == (1, False, False)
    assert b"\r\n=1+1," in ran(fields, query=query, output="csv", formulas=True)[1]["rows.csv"]
    _, kept = ran(fields, query=query, output="ndjson")
    assert [json.loads(line) for line in kept["rows.ndjson"].splitlines()] == [
        {"a": "=1+1", "b": -5, "c": 'say "x", y', "d": None}
    ]


def test_what_is_too_much_is_cut_and_marked():
    fields = databases.postgresql()
    result, _ = ran(fields, query=MANY, max_rows=10)
    assert (result["row_count"], result["truncated"], result["total_rows"]) == (10, True, 20000)
    result, _ = ran(fields, query=MANY, read_only=True)
    assert (result["truncated"], "total_rows" in result, 300 < result["row_count"] < 1000) == (True, False, True)
    result, kept = ran(fields, query=MANY, output="csv", max_bytes=5000, read_only=True)
    assert (result["truncated"], 5000 <= len(kept["rows.csv"]) < 5200) == (True, True)
    result, kept = ran(fields, query=MANY, output="ndjson")
    assert (result["truncated"], result["row_count"], kept["rows.ndjson"].count(b"\n")) == (False, 20000, 20000)


def test_a_write_that_returns_more_rows_than_are_kept_is_done():
    fields = databases.postgresql()
    ran(
        fields,
        statements=["DROP TABLE IF EXISTS returned", "CREATE TABLE returned AS SELECT generate_series(1, 5000) AS id"],
    )
    result, _ = ran(fields, query="DELETE FROM returned RETURNING id", max_rows=3)
    assert (result["row_count"], result["total_rows"]) == (3, 5000)
    assert ran(fields, query="SELECT count(*) AS n FROM returned")[0]["rows"] == [{"n": 0}]


@pytest.mark.parametrize(
    ("expect", "tag"),
    [({"min_rows": 3, "max_rows": 3}, None), ({"min_rows": 4}, "rows:too_few"), ({"max_rows": 2}, "rows:too_many")],
)
def test_rows_that_are_not_expected_fail_with_what_was_found(expect, tag):
    def check() -> Any:
        return ran(databases.postgresql(), query="SELECT generate_series(1, 3) AS id", expect=expect)[0]

    if tag is None:
        assert check()["row_count"] == 3
        return
    with pytest.raises(HandlerError) as failed:
        check()
    assert (failed.value.tags, failed.value.result["row_count"]) == ({tag}, 3)


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(HandlerError, match="two columns are called a: rename one with AS"):
        ran(databases.postgresql(), query="SELECT 1 AS a, 2 AS a")


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "give a query or statements"),
        ({"query": "SELECT 1", "statements": ["SELECT 1"]}, "give a query or statements"),
        ({"query": "  -- begin\n/* x */ commit"}, "COMMIT is the job's own affair"),
        ({"statements": ["SET SESSION TRANSACTION READ WRITE"]}, "SET is the job's own affair"),
        ({"query": "COPY t TO PROGRAM 'sh'"}, "COPY works on files of a server"),
        ({"query": "(load data infile 'x')"}, "LOAD works on files"),
        ({"query": "/*! COMMIT */"}, "must begin with a word of SQL"),
        ({"query": "DELETE FROM x", "read_only": True}, "DELETE may write"),
        ({"query": "CALL x()", "read_only": True}, "CALL may write"),
        ({"statements": ["SELECT 1"], "output": "csv"}, "statements keep no rows"),
        ({"query": "SELECT 1", "max_rows": 2, "expect": {"max_rows": 3}}, "max_rows must be as large"),
        ({"query": "SELECT 1", "connection": "postgresql://a@b/c"}, "match pattern"),
    ],
)
def test_a_wrong_payload_is_told(payload, message):
    with pytest.raises(ValidationError, match=message):
        handlers.get("database").params.model_validate({"connection": "it", **payload})


def test_nothing_is_put_into_a_text():
    assert set(handlers.get("database").without_expressions) == {"query", "statements"}
    assert handlers.get("database").inputs == {"params"}
