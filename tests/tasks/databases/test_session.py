"""Statements, rows and transactions in each kind of database."""

from __future__ import annotations

import itertools
import resource
from typing import Any

import pytest
from sqlalchemy import column, select, table

from jobs.handlers import HandlerError, PermanentFailure
from tests.support import databases
from tests.tasks.databases.conftest import Opening

MANY = {
    "postgresql": "SELECT g, repeat('x', 1000) FROM generate_series(1, 100000) g",
    "mysql": "SELECT seq, repeat('x', 1000) FROM seq_1_to_100000",
    "sqlite": "WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n LIMIT 100000) SELECT g, hex(zeroblob(500)) FROM n",
}


@pytest.fixture
def shop(fields, opening):
    """The connection's fields, with an empty table ``item`` behind it."""
    with opening(fields) as (session, _):
        session.execute("DROP TABLE IF EXISTS item")
        session.execute("CREATE TABLE item (id integer PRIMARY KEY, name varchar(50))")
    return fields


def in_one(opening: Opening, fields: dict[str, Any], statements: list[str], *, read_only: bool = False) -> None:
    """All of them in one transaction."""
    with opening(fields) as (session, _), session.transaction(read_only=read_only):
        for statement in statements:
            session.execute(statement)


def test_rows_and_their_columns(shop, opening: Opening):
    with opening(shop) as (session, _):
        assert session.execute("INSERT INTO item VALUES (:id, :name), (2, 'b')", {"id": 1, "name": "it's :a%s\\"}) == 2
        rows = session.stream("SELECT id, name, id FROM item WHERE id IN :ids ORDER BY id", {"ids": [1, 2, 3]})
        assert [each.name for each in rows.columns] == ["id", "name", "id"]
        assert [tuple(row) for row in rows] == [(1, "it's :a%s\\", 1), (2, "b", 2)]
        nothing = session.stream("SELECT name FROM item WHERE id = 9")
        assert ([each.name for each in nothing.columns], list(nothing)) == (["name"], [])
        assert session.execute("UPDATE item SET name = 'c'") == 2


def test_a_statement_of_sqlalchemys_is_taken_as_well(shop, opening: Opening):
    with opening(shop) as (session, _):
        session.execute("INSERT INTO item VALUES (1, 'a')")
        assert [tuple(row) for row in session.stream(select(column("name")).select_from(table("item")))] == [("a",)]


def test_a_transaction_is_all_or_nothing(shop, opening: Opening):
    with opening(shop) as (session, _), session.transaction(isolation="serializable"):
        session.execute("INSERT INTO item VALUES (1, 'a')")
    with pytest.raises(HandlerError):
        in_one(opening, shop, ["INSERT INTO item VALUES (2, 'b')", "INSERT INTO item VALUES (1, 'twice')"])
    with opening(shop) as (session, _):
        assert [row[0] for row in session.stream("SELECT id FROM item")] == [1]


def test_what_may_only_read_does_not_write(shop, opening: Opening):
    with opening(shop) as (session, _):
        session.execute("INSERT INTO item VALUES (1, 'a')")
    for statements in (
        ["DELETE FROM item"],
        ["COMMIT", "DELETE FROM item"],
        ["SELECT 1; DELETE FROM item"],
        ["SET TRANSACTION READ WRITE", "DELETE FROM item"],
        ["SET SESSION TRANSACTION READ WRITE", "COMMIT AND CHAIN", "DELETE FROM item"],
        ["START TRANSACTION READ WRITE", "DELETE FROM item"],
        ["/*! COMMIT */", "DELETE FROM item"],
        ["PRAGMA query_only = 0", "DELETE FROM item"],
        ["WITH one AS (SELECT 1) DELETE FROM item"],  # begins as what only reads
    ):
        with pytest.raises(HandlerError):
            in_one(opening, shop, statements, read_only=True)
    with opening(shop) as (session, _):
        assert session.execute("SELECT * FROM item") == 1


def test_rows_are_not_kept_in_memory(shop, opening: Opening):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with opening(shop) as (session, _):
        count = sum(len(row[1]) for row in session.stream(MANY[shop["kind"]]))
    assert count == 100_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024


def test_enough_is_enough(shop, opening: Opening):
    """Closing rows reads no further, and leaves nothing on the server."""
    with opening(shop) as (session, _), session.transaction(read_only=True):
        rows = session.stream(MANY[shop["kind"]])
        assert [row[0] for row in itertools.islice(rows, 3)] == [1, 2, 3]
        rows.close()
        with pytest.raises(HandlerError, match="over"):
            session.execute("SELECT 1")


def test_unread_rows_are_not_forgotten(shop, opening: Opening):
    with opening(shop) as (session, _):
        session.stream("SELECT 1 UNION ALL SELECT 2")
        with pytest.raises(HandlerError, match="nobody has read"):
            session.execute("SELECT 1")


def test_who_leaves_with_rows_unread_leaves_no_lock(shop, opening: Opening):
    """Although the failure, which is told further on, still holds what was read with."""
    held = []

    def leave() -> None:
        with opening(shop) as (session, _), session.transaction():
            session.execute("INSERT INTO item VALUES (1, 'a')")
            held.append(session.stream("SELECT id FROM item UNION ALL SELECT 2"))
            raise RuntimeError("two columns have one name")

    with pytest.raises(RuntimeError):
        leave()
    with opening(shop, timeout=5) as (other, _), other.transaction():
        assert other.execute("INSERT INTO item VALUES (1, 'b')") == 1
    assert held[0].columns


def test_parameters_must_fit_the_query(shop, opening: Opening):
    with opening(shop) as (session, _):
        with pytest.raises(PermanentFailure, match="has :id and there is no such parameter"):
            session.execute("SELECT * FROM item WHERE id = :id")
        assert [row[0] for row in session.stream("SELECT '\\:id'")] == [":id"]


def test_what_goes_wrong_is_told_with_its_code_and_without_values(shop, opening: Opening):
    code = {"postgresql": "sqlstate:23505", "mysql": "mysql:1062", "sqlite": "sqlite:SQLITE_CONSTRAINT_PRIMARYKEY"}
    with opening(shop) as (session, _):
        session.execute("INSERT INTO item VALUES (1, 'a')")
        with pytest.raises(HandlerError) as failed:
            session.execute("INSERT INTO item VALUES (1, :name)", {"name": "a-very-secret-value"})
    assert failed.value.tags == {code[shop["kind"]]}
    assert "a-very-secret-value" not in str(failed.value)
    assert failed.value.__cause__ is None


def test_a_wrong_password_is_told_and_not_repeated(opening: Opening):
    for kind in (databases.postgresql(), databases.mysql()):
        with pytest.raises(HandlerError) as failed, opening({**kind, "password": "canary-wrong-password"}):
            pass
        assert "connection" in failed.value.tags
        assert "canary-wrong-password" not in str(failed.value)
