"""An attempt's log on its way to the database: numbered lines, taken in chunks, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime

from jobs.engine.records import Line, Tail
from jobs.rules import masking
from jobs.rules.masking import Masker
from tasks import foreign

CHUNK_BYTES = 64 * 1024
#: What one attempt may log; what follows is counted and not kept.
MAX_BYTES = 16 * 1024 * 1024
MAX_LINE = 8 * 1024


class Journal:
    """Lines in order, numbered on from the execution's earlier attempts."""

    def __init__(self, last_seq: int) -> None:
        #: Of the attempt's secrets, once they are known: what it says, here and elsewhere, is said without them.
        self.masker = masking.NOTHING
        self._hidden: set[str] = set()
        self._lock = threading.Lock()
        self._next_seq = last_seq + 1
        self._lines: list[Line] = []
        self._bytes = 0
        self._dropped = 0

    def write(self, message: str, *, level: str, stream: str) -> None:
        """Append a line. Beyond the limit lines are dropped, and the last line says how many."""
        text = foreign.storable(self.masker.head(message, MAX_LINE))
        line = [datetime.now(UTC).isoformat(), self.masker.text(level), self.masker.text(stream), text]
        with self._lock:
            if self._bytes > MAX_BYTES:
                self._dropped += 1
                return
            self._bytes += len(text) + 64
            self._lines.append(line)

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on none of these is readable in what the attempt says."""
        self._hidden.update(secrets)
        self.masker = Masker(self._hidden)

    def take(self) -> Tail | None:
        """The next chunk to store, or None."""
        with self._lock:
            if not self._lines:
                return None
            size, count = 0, 0
            while count < len(self._lines) and size < CHUNK_BYTES:
                size += len(self._lines[count][3]) + 64
                count += 1
            tail = Tail(first_seq=self._next_seq, lines=self._lines[:count])
            self._next_seq += count
            del self._lines[:count]
            return tail

    def put_back(self, tail: Tail) -> None:
        """A chunk that could not be stored comes first again."""
        with self._lock:
            self._next_seq = tail.first_seq
            self._lines[:0] = tail.lines

    def rest(self) -> Tail:
        """Everything not stored yet, for the statement that ends the attempt."""
        with self._lock:
            if self._dropped:
                note = f"{self._dropped} more lines were not kept: an attempt may log {MAX_BYTES // 1024 // 1024} MiB"
                self._lines.append([datetime.now(UTC).isoformat(), "warning", "carillon", note])
                self._dropped = 0
            tail = Tail(first_seq=self._next_seq, lines=self._lines)
            self._next_seq += len(self._lines)
            self._lines = []
            return tail
