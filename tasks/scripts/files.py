"""Files that a script is given, and those that are kept of what it leaves.

What it leaves is whatever it liked to make: it is looked at folder by folder through descriptors, no link is
followed, and only plain files of its own are read.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from jobs.handlers import Context, HandlerError, Json
from jobs.rules.codes import Failure
from tasks.sandbox.removal import opened
from tasks.scripts.patterns import Pattern
from tasks.scripts.payload import Encoded, FromArtifact

#: The script's own text, beside which others may lie; it is not kept.
SCRIPT = ".carillon-script"
#: What one attempt may keep.
MOST_KEPT = 100
MOST_NAME = 150
DEEPEST = 64
CHUNK_BYTES = 256 * 1024


def put(folder: Path, files: Mapping[str, str | Encoded | FromArtifact], context: Context, most: int) -> None:
    """Write them below the folder, which nobody else knows yet; ``most`` bytes in all."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for chunk in _chunks(content, context):
                most -= len(chunk)
                if most < 0:
                    raise HandlerError(
                        "limit exceeded: disk_mb, the files it is given are larger",
                        code=Failure.RESOURCE_LIMIT,
                        tags={"limit:disk_mb"},
                    )
                file.write(chunk)


def _chunks(content: str | Encoded | FromArtifact, context: Context) -> Iterator[bytes]:
    if isinstance(content, str):
        yield content.encode()
    elif isinstance(content, Encoded):
        yield base64.b64decode(content.base64)
    else:
        with context.open_artifact(content.artifact, content.execution) as artifact:
            while chunk := artifact.read(CHUNK_BYTES):
                yield chunk


def keep(folder: Path, patterns: Sequence[str], context: Context, owner: int) -> list[Json]:
    """Keep what matches as artifacts of the execution; their references. ``owner`` is who must own it."""
    if not patterns:
        return []
    wanted = [Pattern(pattern) for pattern in patterns]
    kept: dict[str, Json] = {}
    for path, file in _matching(folder, wanted, context, owner):
        with file:
            if len(kept) == MOST_KEPT:
                context.log(f"{MOST_KEPT} artifacts are kept, the rest is left out", level="warning")
                break
            name = _name(path, kept)
            with context.artifact(name, content_type=_content_type(name)) as artifact:
                while chunk := file.read(CHUNK_BYTES):
                    artifact.write(chunk)
        kept[name] = {**artifact.reference, "path": path}
    for pattern, compiled in zip(patterns, wanted, strict=True):
        if not compiled.has_matched:
            context.log(f"artifacts: nothing is called {pattern}", level="warning")
    return list(kept.values())


def _name(path: str, taken: Collection[str]) -> str:
    """What it is kept as: names of artifacts hold no slashes, and only what can be printed."""
    plain = "".join(char if char.isprintable() and char not in "/\\" else "_" for char in path).strip(" .") or "file"
    name, number = plain[-MOST_NAME:], 1
    while name in taken:
        number += 1
        name = f"{number}-{plain}"[:MOST_NAME]
    return name


def _content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _matching(folder: Path, wanted: Sequence[Pattern], context: Context, owner: int) -> Iterator[tuple[str, IO[bytes]]]:
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield from _below(top, "", wanted, context, owner)
    finally:
        os.close(top)


def _below(
    fd: int, path: str, wanted: Sequence[Pattern], context: Context, owner: int
) -> Iterator[tuple[str, IO[bytes]]]:
    for name in sorted(os.listdir(fd)):
        place = path + name
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            if place.count("/") < DEEPEST:
                inner = opened(name, fd)
                try:
                    yield from _below(inner, f"{place}/", wanted, context, owner)
                finally:
                    os.close(inner)
        elif place != SCRIPT and [pattern for pattern in wanted if pattern.matches(place)]:
            if stat.S_ISREG(found.st_mode) and found.st_uid == owner and found.st_nlink == 1:
                yield place, _read(name, fd)
            else:
                context.log(f"{place} is not kept: it is no plain file of the script's own", level="warning")


def _read(name: str, folder: int) -> IO[bytes]:
    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & stat.S_IRUSR == 0:
        os.chmod(name, 0o600, dir_fd=folder)
    return open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb")
