"""What a `cache` job does to a real Valkey, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pydantic import ValidationError

from jobs.handlers import Cancelled, HandlerError
from jobs.rules.codes import Failure
from tasks import egress
from tasks.caches.params import CacheParams
from tasks.handlers.cache import Cache
from tests.support import caches, contexts, http_server
from tests.support.contexts import RecordingContext
from tests.support.http_server import HttpServer


@pytest.fixture
def context() -> Iterator[RecordingContext]:
    with contexts.recording(["127.0.0.1"], revealed={"cache": caches.fields()}) as recording:
        yield recording


@pytest.fixture
def there() -> Iterator[redis.Redis]:
    with caches.client() as client:
        yield client


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server.serving() as running:
        yield running


def run(context: RecordingContext, operation: str, **fields: Any) -> Any:
    return Cache().run(CacheParams(connection="cache", operation=operation, **fields), context)  # type: ignore[arg-type]


def failure(context: RecordingContext, operation: str, **fields: Any) -> HandlerError:
    with pytest.raises(HandlerError) as caught:
        run(context, operation, **fields)
    return caught.value


def fill(there: redis.Redis, count: int, prefix: str = "shop:") -> None:
    there.mset({f"{prefix}{number}": number for number in range(count)})


def test_entries_are_set_below_the_prefix_for_a_while(there: redis.Redis, context: RecordingContext) -> None:
    entries = {"text": "grün", "object": {"a": [1]}, "number": 7}
    assert run(context, "set", entries=entries, prefix="shop:", ttl_seconds=60) == {"set": 3, "kept": 0}
    assert there.mget("shop:text", "shop:object", "shop:number") == ["grün".encode(), b'{"a": [1]}', b"7"]
    assert 0 < there.ttl("shop:text") <= 60
    run(context, "set", entries={"text": "for ever"}, prefix="shop:")
    assert there.ttl("shop:text") == -1


def test_what_is_there_stays_if_that_is_wanted(there: redis.Redis, context: RecordingContext) -> None:
    there.set("a", "old")
    assert run(context, "set", entries={"a": "new", "b": "new"}, only_if_absent=True) == {"set": 1, "kept": 1}
    assert there.mget("a", "b") == [b"old", b"new"]


def test_values_are_got_as_text_or_base64_and_missing_ones_are_named(
    there: redis.Redis, context: RecordingContext
) -> None:
    there.mset({"p:text": "grün", "p:bytes": b"\xff\x00", "p:empty": ""})
    result = run(context, "get", keys=["text", "bytes", "empty", "none"], prefix="p:")
    assert result["values"] == {
        "text": {"text": "grün", "bytes": 5, "truncated": False},
        "bytes": {"base64": "/wA=", "bytes": 2, "truncated": False},
        "empty": {"text": "", "bytes": 0, "truncated": False},
    }
    assert (result["missing"], result["missing_count"]) == (["none"], 1)


def test_large_values_are_cut_and_many_are_left_out(there: redis.Redis, context: RecordingContext) -> None:
    there.mset({f"k{number}": "ü" * 100_000 for number in range(9)})
    result = run(context, "get", keys=[f"k{number}" for number in range(9)])
    assert len(json.dumps(result)) < 64 * 1024
    assert result["left_out"] > 0
    assert all(value["truncated"] and value["bytes"] == 200_000 for value in result["values"].values())


def test_keys_are_deleted_and_expire(there: redis.Redis, context: RecordingContext) -> None:
    fill(there, 3)
    assert run(context, "delete", keys=["0", "9"], prefix="shop:") == {"deleted": 1}
    assert run(context, "expire", keys=["1", "9"], prefix="shop:", ttl_seconds=60) == {"changed": 1}
    assert (there.exists("shop:0"), there.ttl("shop:1"), there.ttl("shop:2")) == (0, 60, -1)


def test_what_matches_a_pattern_is_deleted_in_batches_and_nothing_else(
    there: redis.Redis, context: RecordingContext
) -> None:
    fill(there, 1000)
    fill(there, 10, "other:")
    there.config_resetstat()
    assert run(context, "delete_pattern", pattern="shop:*", batch_size=100, pause_ms=0) == {"deleted": 1000}
    assert there.dbsize() == 10
    used = {name.removeprefix("cmdstat_") for name in there.info("commandstats")}
    assert "scan" in used
    assert not used & {"keys", "flushall", "flushdb"}
    assert there.info("commandstats")["cmdstat_scan"]["calls"] >= 10


@pytest.mark.parametrize("prefix", ["a*", "[ab]", "a?", "a\\"])
def test_prefix_is_no_pattern(there: redis.Redis, context: RecordingContext, prefix: str) -> None:
    there.mset({f"{prefix}1": 1, "ab1": 1, "b1": 1})
    assert run(context, "flush", prefix=prefix) == {"deleted": 1}
    assert sorted(there.keys()) == [b"ab1", b"b1"]


def test_more_than_may_be_deleted_is_not(there: redis.Redis, context: RecordingContext) -> None:
    fill(there, 50)
    error = failure(context, "flush", prefix="shop:", max_keys=20)
    assert (error.code, error.result) == (Failure.RESOURCE_LIMIT, {"deleted": 20})
    assert there.dbsize() == 30


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "flush"},
        {"operation": "delete_pattern", "pattern": "*"},
        {"operation": "delete_pattern", "pattern": "?*"},
        {"operation": "delete_pattern", "pattern": "[^x]*"},
        {"operation": "delete_pattern", "pattern": "\\"},
    ],
)
def test_whole_database_is_deleted_only_if_that_is_confirmed(
    there: redis.Redis, context: RecordingContext, fields: Any
) -> None:
    with pytest.raises(ValidationError, match="could delete all"):
        CacheParams(connection="cache", **fields)
    with caches.client(1) as other:
        fill(there, 5)
        fill(other, 5)
        if fields["operation"] == "flush":
            assert run(context, "flush", confirm="everything") == {"deleted": 5}
        assert other.dbsize() == 5


def test_answer_of_a_call_is_put_into_the_cache(
    there: redis.Redis, context: RecordingContext, server: HttpServer
) -> None:
    server.answer("/", headers={"Content-Type": "application/json"}, body=b'{"rates": {"EUR": 1.5}}')
    assert run(context, "warm", key="rates", ttl_seconds=60, call={"url": server.url()})["bytes"] == 23
    assert there.get("rates") == b'{"rates": {"EUR": 1.5}}'
    run(context, "warm", key="eur", value="/rates/EUR", call={"url": server.url()})
    assert there.get("eur") == b"1.5"
    assert run(context, "warm", key="eur", only_if_absent=True, call={"url": server.url()}) == {"set": 0, "kept": 1}
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "fields", "tags"),
    [
        ({"status": 500, "body": b"oops"}, {}, {"http:500", "http:5xx"}),
        ({"body": b"{}"}, {"value": "/rates"}, {"extract"}),
        ({"body": b"x" * 2_000_000}, {}, {"too_large"}),
    ],
)
def test_answer_that_is_no_success_is_not_put_there(
    there: redis.Redis, context: RecordingContext, server: HttpServer, answer: Any, fields: Any, tags: set[str]
) -> None:
    server.answer("/", **answer)
    there.set("a", "old")
    assert failure(context, "warm", key="a", call={"url": server.url()}, **fields).tags == tags
    assert there.get("a") == b"old"


def test_call_of_a_warming_is_behind_the_guard(there: redis.Redis, context: RecordingContext) -> None:
    error = failure(context, "warm", key="a", call={"url": "http://169.254.169.254/"})
    assert error.code == Failure.UNSAFE_TARGET


def test_stats_tell_what_the_server_says_and_how_many_keys_there_are(
    there: redis.Redis, context: RecordingContext
) -> None:
    fill(there, 7)
    fill(there, 2, "other:")
    result = run(context, "stats", prefix="shop:")
    assert (result["keys"], result["keys_with_prefix"]) == (9, 7)
    assert result["used_memory_bytes"] > 0


def test_own_server_is_refused_whatever_is_allowed(
    there: redis.Redis, context: RecordingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(there, 3)
    monkeypatch.setattr(egress, "_protected", frozenset({("127.0.0.1", caches.valkey().port)}))
    context.allowed_hosts = ["0.0.0.0/0", "127.0.0.1"]
    assert failure(context, "flush", confirm="everything").code == Failure.UNSAFE_TARGET
    assert there.dbsize() == 3


def test_server_nobody_allowed_is_refused(there: redis.Redis, context: RecordingContext) -> None:
    context.allowed_hosts = []
    assert failure(context, "stats").code == Failure.UNSAFE_TARGET


def test_wrong_password_and_wrong_type_are_the_servers_words(there: redis.Redis, context: RecordingContext) -> None:
    there.lpush("list", "a")
    assert "WRONGTYPE" in str(failure(context, "get", keys=["list"]))
    context.revealed = {"cache": caches.fields(password="not-the-password")}
    error = failure(context, "stats")
    assert error.tags == {"redis"}
    assert "not-the-password" not in str(error)


def test_cancel_between_batches_ends_it(there: redis.Redis, context: RecordingContext) -> None:
    fill(there, 500)
    context.stop.set()
    with pytest.raises(Cancelled):
        run(context, "flush", prefix="shop:", batch_size=10)
    assert there.dbsize() == 500


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"operation": "get"}, "get needs keys"),
        ({"operation": "set", "keys": ["a"]}, "set needs entries"),
        ({"operation": "get", "keys": ["a"], "entries": {"b": 1}}, "get does not take entries"),
        ({"operation": "expire", "keys": ["a"]}, "expire needs ttl_seconds"),
        ({"operation": "stats", "pattern": "a"}, "stats does not take pattern"),
        ({"operation": "warm", "key": "a"}, "warm needs call or query, one of them"),
        ({"operation": "warm", "key": "a", "call": {"url": "http://x.test/", "poll": {}}}, "cannot poll or save"),
        ({"operation": "get", "keys": []}, "at least 1"),
        ({"operation": "get", "keys": ["a"] * 1001}, "at most 1000"),
    ],
)
def test_payload_that_does_not_fit_its_operation_is_refused(fields: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CacheParams(connection="cache", **fields)
