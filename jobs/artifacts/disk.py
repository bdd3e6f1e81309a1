"""Artifacts in a folder that all processes share.

::

    artifacts/            mode 0700, only for us
      partial/<key>       being written
      3f/3f…              whole: renamed to here once its bytes are on the disk
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from jobs.artifacts import contract


class Disk:
    """A folder, made when it is needed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partial = root / "partial"

    def create(self, key: UUID) -> DiskSink:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._partial.mkdir(mode=0o700, exist_ok=True)
        return DiskSink(self._partial / str(key), self._place(key))

    def open(self, key: UUID) -> BinaryIO:
        return self._place(key).open("rb")

    def delete(self, key: UUID) -> None:
        self._place(key).unlink(missing_ok=True)

    def keys(self, part: int, *, older_than: float) -> Iterator[UUID]:
        for path in _untouched(self._root / f"{part:02x}", older_than):
            yield UUID(path.name)

    def sweep(self, *, older_than: float) -> int:
        swept = 0
        for path in _untouched(self._partial, older_than):
            path.unlink(missing_ok=True)
            swept += 1
        return swept

    def _place(self, key: UUID) -> Path:
        return self._root / f"{contract.part(key):02x}" / str(key)


class DiskSink:
    """One file, under another name until it is whole."""

    def __init__(self, partial: Path, place: Path) -> None:
        self._partial, self._place = partial, place
        self._file = open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: SIM115 - closed by finish or abandon

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._place.parent.mkdir(mode=0o700, exist_ok=True)
        self._partial.rename(self._place)
        for folder in (self._place.parent, self._partial.parent):
            _sync(folder)

    def abandon(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: what is still buffered cannot be written either
            self._file.close()
        self._partial.unlink(missing_ok=True)
        self._place.unlink(missing_ok=True)


def _untouched(folder: Path, seconds: float) -> Iterator[Path]:
    """Files of a folder, or none if it is not there, last changed so long ago."""
    until = time.time() - seconds
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):  # renamed or deleted meanwhile
                if entry.stat().st_mtime <= until:
                    yield Path(entry.path)


def _sync(folder: Path) -> None:
    """A name is durable when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
