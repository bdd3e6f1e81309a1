"""What the documentation says of Django's own cache on Redis, asked of Django."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache

from tasks.caches.params import CacheParams
from tasks.handlers.cache import Cache
from tests.support import caches, contexts

PLAIN, OTHERS = ":1:", "shop:2:"


def run(operation: str, prefix: str, **fields: Any) -> Any:
    params = CacheParams(connection="cache", operation=operation, prefix=prefix, **fields)  # type: ignore[arg-type]
    with contexts.recording(["127.0.0.1"], revealed={"cache": caches.fields()}) as context:
        return Cache().run(params, context)


@pytest.fixture
def plain() -> Iterator[RedisCache]:
    """As it is if nothing is said of it, with three keys."""
    with caches.client():
        yield filled({})


@pytest.fixture
def others(plain: RedisCache) -> RedisCache:
    """With a prefix and a version of its own, in the same database."""
    return filled({"KEY_PREFIX": "shop", "VERSION": 2})


def filled(params: dict[str, Any]) -> RedisCache:
    server = caches.valkey()
    cache = RedisCache(f"redis://:{server.password}@127.0.0.1:{server.port}/0", params)
    cache.set_many({"product:1": {"name": "grün"}, "product:2": "text", "visits": 7})
    return cache


def test_its_keys_are_counted_deleted_and_expire(plain: RedisCache, others: RedisCache) -> None:
    assert run("stats", OTHERS)["keys_with_prefix"] == 3
    assert run("delete", OTHERS, keys=["product:1"]) == {"deleted": 1}
    assert run("expire", PLAIN, keys=["product:1"], ttl_seconds=60) == {"changed": 1}
    assert (others.get("product:1"), plain.get("product:1")) == (None, {"name": "grün"})
    assert 0 < plain._cache.get_client().ttl(":1:product:1") <= 60
    assert run("delete_pattern", PLAIN, pattern="product:*") == {"deleted": 2}
    assert (plain.get("visits"), others.get("product:2")) == (7, "text")


def test_one_is_flushed_and_its_neighbour_stays(plain: RedisCache, others: RedisCache) -> None:
    assert run("flush", PLAIN) == {"deleted": 3}
    assert plain.get_many(["product:1", "product:2", "visits"]) == {}
    assert len(others.get_many(["product:1", "product:2", "visits"])) == 3


def test_its_values_are_no_texts_but_whole_numbers_are(plain: RedisCache) -> None:
    values = run("get", PLAIN, keys=["product:2", "visits"])["values"]
    assert "text" not in values["product:2"]
    assert values["visits"]["text"] == "7"
    run("set", PLAIN, entries={"visits": 8, "product:2": "ours"})
    assert plain.incr("visits") == 9
    with pytest.raises(pickle.UnpicklingError):
        plain.get("product:2")
