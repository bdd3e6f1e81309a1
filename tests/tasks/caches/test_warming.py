"""A cache that is warmed with the rows of a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pydantic import ValidationError

from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules import payload_expressions
from jobs.rules.codes import Failure
from tasks.caches.params import CacheParams
from tasks.handlers.cache import Cache
from tests.support import caches, contexts, databases
from tests.support.contexts import RecordingContext

ROWS = "SELECT n AS id, 'grün' AS name, 1.50 AS price, NULL AS nothing FROM (SELECT 1 AS n UNION SELECT 2) x ORDER BY n"


@pytest.fixture
def there() -> Iterator[redis.Redis]:
    with caches.client() as client:
        yield client


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    revealed = {"cache": caches.fields(), "postgresql": databases.postgresql()}
    with contexts.recording(databases.ALLOWED, revealed=revealed) as recording:
        yield recording


def warm(context: RecordingContext, query: str, *, by: str = "postgresql", params: Any = None, **fields: Any) -> Any:
    asked = {"connection": by, "query": query, "params": params or {}}
    found = CacheParams(connection="cache", operation="warm", key="rows", query=asked, **fields)  # type: ignore[arg-type]
    return Cache().run(found, context)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_rows_are_put_there_as_a_list(there: redis.Redis, context: RecordingContext, kind: str) -> None:
    context.revealed = {**context.revealed, kind: getattr(databases, kind)()}
    result = warm(context, ROWS, by=kind, prefix="shop:", ttl_seconds=60)
    told = '"name": "grün", "price": "1.50", "nothing": null}'
    expected = f'[{{"id": 1, {told}, {{"id": 2, {told}]'.encode()
    assert there.get("shop:rows") == expected
    assert result == {"set": 1, "kept": 0, "bytes": len(expected), "rows": 2}
    assert 0 < there.ttl("shop:rows") <= 60


def test_a_place_in_the_rows_is_put_there(there: redis.Redis, context: RecordingContext) -> None:
    evil = "x' OR '1'='1"
    warm(context, "SELECT CAST(:text AS text) AS said, 7 AS number", params={"text": evil}, value="/0/said")
    assert there.get("rows") == evil.encode()
    warm(context, "SELECT 1 AS said WHERE 1 = 0")
    assert there.get("rows") == b"[]"
    with pytest.raises(HandlerError, match="has no '0'") as failed:
        warm(context, "SELECT 1 AS said WHERE 1 = 0", value="/0/said")
    assert failed.value.tags == {"extract"}


def test_nothing_is_asked_where_the_key_is_and_is_to_stay(there: redis.Redis, context: RecordingContext) -> None:
    there.set("rows", "old")
    assert warm(context, "SELECT 1/0", only_if_absent=True) == {"set": 0, "kept": 1}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT repeat('x', 1000000) AS a FROM generate_series(1, 9)", Failure.RESOURCE_LIMIT),
        ("SELECT 1 AS a, 2 AS a", Failure.CONFIG_INVALID),
        ("SELECT 1/0", Failure.EXECUTION_FAILED),
        ("WITH x AS (DELETE FROM pg_class RETURNING 1) SELECT 1", Failure.EXECUTION_FAILED),
    ],
)
def test_a_failure_leaves_what_is_there(
    there: redis.Redis, context: RecordingContext, query: str, code: Failure
) -> None:
    there.set("rows", "old")
    with pytest.raises(HandlerError) as failed:
        warm(context, query)
    assert failed.value.code == code
    assert there.get("rows") == b"old"


def test_a_database_nobody_allowed_and_sqlite_are_not_asked(there: redis.Redis, context: RecordingContext) -> None:
    context.revealed = {**context.revealed, "file": {"kind": "sqlite", "path": "shop.sqlite3"}}
    with pytest.raises(PermanentFailure, match="is no connection to PostgreSQL or MySQL"):
        warm(context, "SELECT 1", by="file")
    context.allowed_hosts = [f"127.0.0.1:{caches.valkey().port}"]
    with pytest.raises(HandlerError) as refused:
        warm(context, "SELECT 1")
    assert refused.value.code == Failure.UNSAFE_TARGET


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"call": {"url": "http://x.test/"}, "query": {"connection": "a", "query": "SELECT 1"}}, "one of them"),
        ({"query": {"connection": "a", "query": "DELETE FROM x"}}, "DELETE may write"),
        ({"query": {"connection": "a", "query": "COMMIT"}}, "own affair"),
        ({"query": {"query": "SELECT 1"}}, "Field required"),
        ({"operation": "get", "key": None, "keys": ["a"], "query": {"connection": "a", "query": "SELECT 1"}}, "does not take query"),
    ],
)  # fmt: skip
def test_a_query_that_does_not_fit_is_refused(fields: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CacheParams(**{"connection": "cache", "operation": "warm", "key": "a", **fields})


def test_nothing_is_put_into_the_query() -> None:
    asked = {"connection": "x", "query": "SELECT {{ payload.key }}", "params": {"a": "{{ payload.key }}"}}
    with pytest.raises(payload_expressions.InvalidPayload) as refused:
        payload_expressions.find({"key": "a", "query": asked}, (), Cache.without_secrets, Cache.without_expressions)
    assert [place for place, _ in refused.value.problems] == [("query", "query")]
