"""The operations on a region, each over one session. No KEYS, no FLUSHALL, no FLUSHDB: what is deleted is seen before."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from jobs.handlers import Cancelled, Context, HandlerError, Json
from jobs.rules.codes import Failure
from tasks import foreign
from tasks.caches import warming
from tasks.caches.params import WILD, CacheParams
from tasks.redis_session import Session

#: Of one value, and of all that a result holds.
KEPT_VALUE_BYTES = 16 * 1024
KEPT_CHARS = 48 * 1024
PROGRESS_SECONDS = 2.0
_TOLD = {
    "redis_version": "version",
    "used_memory": "used_memory_bytes",
    "maxmemory": "max_memory_bytes",
    "connected_clients": "clients",
    "keyspace_hits": "hits",
    "keyspace_misses": "misses",
    "evicted_keys": "evicted_keys",
    "expired_keys": "expired_keys",
    "uptime_in_seconds": "uptime_seconds",
}


def get(session: Session, params: CacheParams, context: Context) -> Json:
    """The values that are there, as far as a result holds them."""
    assert params.keys is not None
    found: dict[str, Json] = {}
    missing: list[str] = []
    room, left_out = KEPT_CHARS, 0
    for key in params.keys:
        _check(context)
        stored = _full(params, key)
        size, head, exists = session.commands(
            [("STRLEN", stored), ("GETRANGE", stored, 0, KEPT_VALUE_BYTES - 1), ("EXISTS", stored)]
        )
        if not exists:
            missing.append(key)
            continue
        told = _told(head, size)
        room -= len(json.dumps({key: told})) + 2
        if room < 0:
            left_out += 1
        else:
            found[key] = told
    return {"values": found, "missing": missing[:200], "missing_count": len(missing), "left_out": left_out}


def set_(session: Session, params: CacheParams, context: Context) -> Json:
    """How many were set, and how many were there already."""
    assert params.entries is not None
    written = 0
    for key, value in params.entries.items():
        _check(context)
        written += _put(session, params, key, warming.encoded(value))
    return {"set": written, "kept": len(params.entries) - written}


def delete(session: Session, params: CacheParams, context: Context) -> Json:
    """How many of the keys were there."""
    assert params.keys is not None
    _check(context)
    return {"deleted": session.command("UNLINK", *(_full(params, key) for key in params.keys))}


def expire(session: Session, params: CacheParams, context: Context) -> Json:
    """How many of the keys were there."""
    assert params.keys is not None
    assert params.ttl_seconds is not None
    _check(context)
    ttl = params.ttl_seconds
    return {"changed": sum(session.commands([("EXPIRE", _full(params, key), ttl) for key in params.keys]))}


def delete_pattern(session: Session, params: CacheParams, context: Context) -> Json:
    """Delete what SCAN finds, batch by batch, up to max_keys."""
    return _delete_matching(session, params, context, _escaped(params.prefix) + (params.pattern or "*"))


def flush(session: Session, params: CacheParams, context: Context) -> Json:
    """Delete whatever begins with the prefix; all of this one database if that was confirmed."""
    return _delete_matching(session, params, context, _escaped(params.prefix) + "*")


def stats(session: Session, params: CacheParams, context: Context) -> Json:
    """What the server says of itself, and how many keys the database has; with a prefix how many of them begin so."""
    told = dict(line.split(":", 1) for line in foreign.text(session.command("INFO")).splitlines() if ":" in line)
    found: dict[str, Json] = {name: _number(told[theirs][:100]) for theirs, name in _TOLD.items() if theirs in told}
    found["keys"] = session.command("DBSIZE")
    if params.prefix:
        batches = _scan(session, params, context, _escaped(params.prefix) + "*")
        found["keys_with_prefix"] = sum(len(batch) for batch in batches)
    return found


def warm(session: Session, params: CacheParams, context: Context) -> Json:
    """Call or ask, and put what comes into the cache; not even that where it is there and is to stay."""
    assert params.key is not None
    if params.only_if_absent and session.command("EXISTS", _full(params, params.key)):
        context.log("it is there already: nothing is called or asked")
        return {"set": 0, "kept": 1}
    if params.query is not None:
        body, facts = warming.asked(params.query, context)
    else:
        assert params.call is not None
        body, facts = warming.called(params.call, context)
    value = warming.place(body, params.value)
    written = _put(session, params, params.key, value)
    return {"set": written, "kept": 1 - written, "bytes": len(value), **facts}


OPERATIONS: Mapping[str, Callable[[Session, CacheParams, Context], Json]] = {
    "get": get,
    "set": set_,
    "delete": delete,
    "delete_pattern": delete_pattern,
    "expire": expire,
    "warm": warm,
    "stats": stats,
    "flush": flush,
}


def _put(session: Session, params: CacheParams, key: str, value: bytes) -> int:
    """Whether it was written."""
    ttl = ("EX", params.ttl_seconds) if params.ttl_seconds else ()
    absent = ("NX",) if params.only_if_absent else ()
    return int(session.command("SET", _full(params, key), value, *ttl, *absent) is not None)


def _delete_matching(session: Session, params: CacheParams, context: Context, pattern: str) -> Json:
    deleted, whole, told_at = 0, max(session.command("DBSIZE"), 1), time.monotonic()
    for batch in _scan(session, params, context, pattern):
        keys = batch[: params.max_keys - deleted]
        deleted += session.command("UNLINK", *keys) if keys else 0
        if len(keys) < len(batch):
            message = f"{deleted} keys were deleted and more match: raise max_keys, or run it again"
            raise HandlerError(message, code=Failure.RESOURCE_LIMIT, tags={"max_keys"}, result={"deleted": deleted})
        if time.monotonic() > told_at + PROGRESS_SECONDS:
            told_at = time.monotonic()
            context.progress(min(deleted / whole, 0.99), f"{deleted} keys deleted")
    return {"deleted": deleted}


def _scan(session: Session, params: CacheParams, context: Context, pattern: str) -> Iterator[Sequence[bytes]]:
    """Batches of the keys that match; a key may come twice."""
    cursor: bytes = b"0"
    while True:
        _check(context)
        cursor, keys = session.command("SCAN", cursor, "MATCH", pattern, "COUNT", params.batch_size)
        if keys:
            yield keys
        if cursor == b"0":
            return
        time.sleep(min(params.pause_ms / 1000, max(context.remaining(), 0)))


def _check(context: Context) -> None:
    if context.cancelled:
        raise Cancelled
    if context.remaining() <= 0:
        raise HandlerError("it did not end within the attempt's time", code=Failure.TIMEOUT, tags={"timeout"})


def _full(params: CacheParams, key: str) -> str:
    return params.prefix + key


def _escaped(prefix: str) -> str:
    return "".join(f"\\{char}" if char in WILD or char == "]" else char for char in prefix)


def _told(head: bytes, size: int) -> Json:
    """A value as a result shows it: text, or base64 of what is none."""
    try:
        told: dict[str, Json] = {"text": foreign.storable(_whole_characters(head, size).decode())}
    except UnicodeDecodeError:
        told = {"base64": base64.b64encode(head).decode()}
    return told | {"bytes": size, "truncated": size > len(head)}


def _whole_characters(head: bytes, size: int) -> bytes:
    """Without the beginning of the character in which it was cut."""
    if size == len(head):
        return head
    cut = next((place for place in range(1, 4) if head[-place] >= 0xC0), 0)
    return head[:-cut] if cut else head


def _number(text: str) -> Json:
    return int(text) if text.isascii() and text.isdigit() else text
