"""Where files lie: the tenant's root, a bucket, a server. Paths are as :mod:`tasks.files.names` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from jobs.handlers import HandlerError, PermanentFailure
from jobs.rules.codes import Failure

FILE, FOLDER, OTHER = "file", "folder", "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at a path. ``modified``: seconds since 1970, by the clock of where it lies."""

    path: str
    kind: str
    bytes: int
    modified: float


class Writable(Protocol):
    """Takes bytes from front to back."""

    def write(self, data: bytes, /) -> int: ...


class Place(Protocol):
    """One place. What is not there, or in the way, is a :class:`FileProblem`."""

    def entry(self, path: str) -> Entry | None:
        """What lies there; None for nothing."""

    def entries(self, path: str) -> Iterable[Entry]:
        """What lies in a folder, by name."""

    def open(self, path: str) -> BinaryIO:
        """Read a file."""

    def writing(self, path: str, *, overwrite: bool) -> AbstractContextManager[Writable]:
        """A file that is whole under its name once the block has ended without an error; until then nobody sees it."""

    def rename(self, path: str, target: str, *, overwrite: bool) -> None:
        """Move within the place."""

    def delete(self, path: str) -> None:
        """A file, or an empty folder."""

    def make_folder(self, path: str) -> None:
        """With those above it; fine if it is there."""


class FileProblem(HandlerError):
    """What an operation needs is not there, or something is in its way."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=Failure.EXECUTION_FAILED)


class Unsafe(PermanentFailure):
    """It would lead out of where the tenant may go, or is no plain file."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=Failure.UNSAFE_TARGET)


class TooMuch(PermanentFailure):
    """More than may be."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=Failure.RESOURCE_LIMIT)


def walk(place: Place, path: str) -> Iterator[Entry]:
    """All that lies below a folder, each folder before what is in it."""
    waiting = [path]
    while waiting:
        for entry in place.entries(waiting.pop()):
            yield entry
            if entry.kind == FOLDER:
                waiting.append(entry.path)
