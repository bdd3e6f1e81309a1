"""Where artifacts' bytes lie: what a store can do. Each is one class; rows in the database say what is in it.

    sink = store.create(key)     bytes go in, nobody sees them
    sink.finish()                whole and durable under its key, or an error and nothing
    sink.abandon()               nothing is left, at any time before

Keys are random, never what a tenant has chosen. A process that dies between the two leaves what :meth:`Store.sweep`
finds; one that dies between ``finish`` and its row, a key that :meth:`Store.keys` tells and no row does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Protocol
from uuid import UUID

#: Keys lie in so many parts, by their first byte.
PARTS = 256


def part(key: UUID) -> int:
    """Which one a key lies in."""
    return key.bytes[0]


class Sink(Protocol):
    """Takes the bytes of one artifact."""

    def write(self, data: bytes | memoryview) -> None:
        """All of them; OSError says why not."""

    def finish(self) -> None:
        """Keep what was written."""

    def abandon(self) -> None:
        """Keep nothing of it. Harmless after a failure or twice."""


class Store(Protocol):
    """Holds bytes by key. Failures are OSErrors."""

    def create(self, key: UUID) -> Sink:
        """A new one."""

    def open(self, key: UUID) -> BinaryIO:
        """Read one, from any place; FileNotFoundError if it is not there."""

    def delete(self, key: UUID) -> None:
        """Gone afterwards, whether or not it was there."""

    def keys(self, part: int, *, older_than: float) -> Iterator[UUID]:
        """The whole ones of a part that were finished so many seconds ago at least."""

    def sweep(self, *, older_than: float) -> int:
        """Delete half ones that nobody has written to for so many seconds. Returns how many."""
