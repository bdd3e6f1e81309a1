"""What all operations share: an attempt that counts bytes, tells how far it is, and stops when it must."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from jobs.handlers import Cancelled, Context
from tasks.files.contract import FILE, FOLDER, Entry, FileProblem, Place, walk

CHUNK = 1024 * 1024
#: Entries that an operation goes through at most.
MOST_ENTRIES = 1_000_000
#: What their paths may have together.
MOST_NAMES_BYTES = 128 * 1024 * 1024
_TELL_EVERY = 1.0
#: The last second that has a date.
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
ALGORITHMS = ("sha256", "sha512", "sha1", "md5")


class Work:
    """Of one attempt."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.bytes = self.files = 0
        self._expected = 0
        self._told_at = 0.0

    def expect(self, count: int) -> None:
        """So many bytes are to be gone through, for the progress."""
        self._expected += count

    def step(self, count: int) -> None:
        """So many more are done."""
        self.check()
        self.bytes += count
        now = time.monotonic()
        if self._expected and now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            fraction = min(self.bytes / self._expected, 1.0)
            self.context.progress(fraction, f"{self.bytes} of {self._expected} bytes, {self.files} files")

    def check(self) -> None:
        """Stop if the attempt must: in a process it is interrupted anyway."""
        if self.context.cancelled:
            raise Cancelled

    def below(self, place: Place, path: str) -> list[Entry]:
        """What lies there: a file itself, or all below a folder; a FileProblem if there is nothing."""
        found = place.entry(path)
        if found is None:
            raise FileProblem(f"there is no {path or 'such place'}")
        if found.kind != FOLDER:
            return [found]
        return self._bounded(walk(place, path), path)

    def inside(self, place: Place, path: str) -> list[Entry]:
        """What lies in a folder itself."""
        return self._bounded(place.entries(path), path)

    def _bounded(self, found: Iterable[Entry], path: str) -> list[Entry]:
        """As many as fit into memory: a place that somebody else keeps may go on for ever."""
        entries, room = [], MOST_NAMES_BYTES
        for entry in found:
            self.check()
            entries.append(entry)
            room -= len(entry.path)
            if len(entries) > MOST_ENTRIES or room < 0:
                raise FileProblem(f"{path or 'the root'} holds more than {MOST_ENTRIES} entries: work on its folders")
        return entries

    def copy(self, source: Place, entry: Entry, target: Place, path: str, *, overwrite: bool, verify: bool) -> str:
        """One file, whole under its new name or not there. Returns its SHA-256."""
        digest, copied = hashlib.sha256(), 0
        with source.open(entry.path) as file, target.writing(path, overwrite=overwrite) as into:
            while part := file.read(CHUNK):
                digest.update(part)
                into.write(part)
                copied += len(part)
                self.step(len(part))
        if verify and self.digest(target, path, "sha256") != digest.hexdigest():
            raise FileProblem(
                f"{path} is not what {entry.path} is: one of them has changed meanwhile, or was stored wrong"
            )
        self.files += 1
        return digest.hexdigest()

    def digest(self, place: Place, path: str, algorithm: str) -> str:
        """Of a file's bytes."""
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with place.open(path) as file:
            while part := file.read(CHUNK):
                digest.update(part)
                self.check()
        return digest.hexdigest()


def told(entry: Entry) -> dict[str, Any]:
    """An entry as a result has it."""
    return {
        "path": entry.path.encode(errors="replace").decode(),
        "kind": entry.kind,
        **({"bytes": entry.bytes, "modified": _instant(entry.modified)} if entry.kind == FILE else {}),
    }


def _instant(seconds: float) -> str:
    """In UTC, to the millisecond; what no calendar has, at its end."""
    within = min(max(seconds, 0.0), LATEST)
    return datetime.fromtimestamp(within, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
