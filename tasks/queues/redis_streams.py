"""Streams of Redis or Valkey, over a socket that the egress guard has judged.

A message is an entry: its field ``body``, ``key`` and ``message_id`` if there are any, and a field for each header. A
group's messages are pending until they are acknowledged. What this attempt leaves pending it hands back, so that
the next reader takes it at once; what a killed one left is taken after :data:`ABANDONED_SECONDS`, or by the next
attempt of the same execution at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Self

import redis

from jobs.connections.brokers import Redis
from jobs.handlers import Context, HandlerError
from tasks import foreign
from tasks.queues.contract import (
    GLANCE_SECONDS,
    PATIENCE_SECONDS,
    BrokerRefuses,
    Incoming,
    Outgoing,
    Reading,
    not_here,
)
from tasks.queues.redis_wire import opened

AT_A_TIME = 100
ABANDONED_SECONDS = 600
#: For handing back, when the attempt must already have ended.
HASTE_SECONDS = 2.0
#: Whom pending messages are handed back to; nobody reads by that name.
RETURNED = "carillon-returned"
_OWN_FIELDS = ("body", "key", "message_id")


class RedisSession:
    """With one stream."""

    def __init__(self, connection: Redis, context: Context, stream: str) -> None:
        self._stream = stream
        self._me = f"carillon-{context.execution_id}"
        self._group: str | None = None
        self._left = 0
        self._unacknowledged: list[bytes] = []
        self._again = partial(opened, connection, context)
        self._session = self._again(max(min(PATIENCE_SECONDS, context.remaining()), 0.1))

    def __enter__(self) -> Self:
        try:
            self._session.connect()  # type: ignore[no-untyped-call]
        except BaseException as error:
            self._session.disconnect()
            if isinstance(error, redis.RedisError):
                raise BrokerRefuses(f"Redis refuses: {error}", "refused") from None
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._group is not None:
                self._reconnect_if(any(error))
                self._leave(self._group)
        except (HandlerError, redis.RedisError, OSError):
            pass  # what is pending is taken over later
        finally:
            self._session.disconnect()

    def _reconnect_if(self, broken: bool) -> None:
        """Whoever was interrupted in the middle of an answer cannot read the next one."""
        if broken:
            self._session.disconnect()
            self._session = self._again(HASTE_SECONDS)
            self._session.connect()  # type: ignore[no-untyped-call]

    def publish(self, messages: Iterable[Outgoing]) -> Iterator[Mapping[str, Any]]:
        """A hundred commands are sent before their answers are read."""
        waiting = iter(messages)
        while group := list(islice(waiting, AT_A_TIME)):
            for message in group:
                self._send("XADD", self._stream, "*", *_fields(message))
            for _ in group:
                yield {"id": self._answer().decode()}

    def read(self, reading: Reading) -> Iterator[Incoming | None]:
        if reading.partition is not None:
            raise not_here("partition", "a stream of Redis has no partitions: leave it out")
        yield from self._of_group(reading, reading.group) if reading.group else self._of_all(reading)

    def _of_all(self, reading: Reading) -> Iterator[Incoming | None]:
        """The stream from its beginning, or what is added from now on. Nothing is said about it to the server."""
        after = self._newest() if reading.newest else b"0-0"
        left = reading.most
        while left:
            entries = self._do("XRANGE", self._stream, b"(" + after, "+", "COUNT", min(left, AT_A_TIME)) or []
            for after, fields in entries:
                left -= 1
                yield _unpacked(after, fields)
            if not entries:
                yield from self._silence(after)

    def _silence(self, after: bytes) -> Iterator[None]:
        """Nothing came after that for a moment; read again in any case."""
        arrived = self._do("XREAD", "COUNT", 1, "BLOCK", int(GLANCE_SECONDS * 1000), "STREAMS", self._stream, after)
        if not arrived:
            yield None

    def _newest(self) -> bytes:
        last = self._do("XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        return bytes(last[0][0]) if last else b"0-0"

    def _of_group(self, reading: Reading, group: str) -> Iterator[Incoming | None]:
        """First what an earlier attempt of this execution was given, then what others left, then what is new."""
        self._join(group, "$" if reading.newest else "0")
        self._left = reading.most
        for source in (self._mine(group), self._abandoned(group), self._new(group)):
            for found in source:
                if found is None:
                    yield None
                    continue
                self._left -= 1
                self._unacknowledged.append(found[0])
                yield _unpacked(*found)
                if not self._left:
                    return

    def _join(self, group: str, start: str) -> None:
        try:
            self._do("XGROUP", "CREATE", self._stream, group, start, "MKSTREAM")
        except BrokerRefuses as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._group = group

    def _mine(self, group: str) -> Iterator[tuple[bytes, Any]]:
        after = b"0"
        while entries := self._read_group(group, after):
            after = entries[-1][0]
            yield from entries

    def _abandoned(self, group: str) -> Iterator[tuple[bytes, Any]]:
        after: bytes = b"0-0"
        while True:
            answer = self._do(
                "XAUTOCLAIM", self._stream, group, self._me, ABANDONED_SECONDS * 1000, after, "COUNT", self._at_a_time
            )
            after = answer[0]
            yield from answer[1]
            if after == b"0-0":
                return

    def _new(self, group: str) -> Iterator[tuple[bytes, Any] | None]:
        while True:
            entries = self._read_group(group, b">", "BLOCK", int(GLANCE_SECONDS * 1000))
            yield from entries
            if not entries:
                yield None

    @property
    def _at_a_time(self) -> int:
        """No more than are still wanted: others may read the rest."""
        return min(self._left, AT_A_TIME)

    def _read_group(self, group: str, after: bytes, *options: Any) -> list[tuple[bytes, Any]]:
        answer = self._do(
            "XREADGROUP", "GROUP", group, self._me, "COUNT", self._at_a_time, *options, "STREAMS", self._stream, after
        )
        # An entry that was deleted while it was pending has no fields left.
        return [(entry, fields) for entry, fields in answer[0][1] if fields is not None] if answer else []

    def acknowledge(self) -> bool:
        if self._group is None:
            return False
        for start in range(0, len(self._unacknowledged), AT_A_TIME):
            self._do("XACK", self._stream, self._group, *self._unacknowledged[start : start + AT_A_TIME])
        self._unacknowledged.clear()
        return True

    def _leave(self, group: str) -> None:
        """Hand back what is pending, then go: a consumer that is deleted would take its pending messages along."""
        while pending := self._do("XPENDING", self._stream, group, "-", "+", AT_A_TIME, self._me):
            ids = [entry[0] for entry in pending]
            idle = (ABANDONED_SECONDS + 1) * 1000
            self._do("XCLAIM", self._stream, group, RETURNED, 0, *ids, "IDLE", idle, "JUSTID")
        self._do("XGROUP", "DELCONSUMER", self._stream, group, self._me)
        if not self._do("XPENDING", self._stream, group, "-", "+", 1, RETURNED):
            self._do("XGROUP", "DELCONSUMER", self._stream, group, RETURNED)

    def depth(self, reading: Reading) -> Mapping[str, Any]:
        found: dict[str, Any] = {"messages": self._do("XLEN", self._stream)}
        if reading.group is not None:
            for row in self._do("XINFO", "GROUPS", self._stream) if found["messages"] else []:
                group = dict(zip(row[::2], row[1::2], strict=False))
                if group[b"name"] == reading.group.encode():
                    found |= {"pending": group[b"pending"], "lag": group.get(b"lag")}
        return found

    def purge(self) -> int | None:
        return int(self._do("XTRIM", self._stream, "MAXLEN", 0))

    def _do(self, *command: Any) -> Any:
        self._send(*command)
        return self._answer()

    def _send(self, *command: Any) -> None:
        try:
            self._session.send_command(*command)  # type: ignore[no-untyped-call]
        except (redis.RedisError, OSError) as error:
            raise BrokerRefuses(f"Redis: {error}", "connection") from None

    def _answer(self) -> Any:
        self._session.begin_answer()
        try:
            return self._session.read_response()
        except (redis.RedisError, OSError) as error:
            raise BrokerRefuses(f"Redis: {error}") from None


def _fields(message: Outgoing) -> list[Any]:
    if message.partition is not None:
        raise not_here("partition", "a stream of Redis has no partitions: leave it out")
    if taken := sorted({*_OWN_FIELDS} & {*message.headers}):
        raise not_here("headers", f"{taken[0]} is a field of every entry: name the header otherwise")
    fields: list[Any] = ["body", message.body or b"", "message_id", message.id]
    if message.key is not None:
        fields += ["key", message.key]
    for header in message.headers.items():
        fields += header
    return fields


def _unpacked(entry: bytes, fields: list[bytes]) -> Incoming:
    """An entry without a ``body`` is somebody else's: its fields are then its headers."""
    pairs = dict(zip(fields[::2], fields[1::2], strict=True))
    texts = {foreign.text(name): foreign.text(value) for name, value in pairs.items()}
    own = {name: texts.pop(name) for name in _OWN_FIELDS if name in texts}
    place = {"id": entry.decode(), **({"message_id": own["message_id"]} if "message_id" in own else {})}
    return Incoming(pairs.get(b"body"), own.get("key"), texts, place)
