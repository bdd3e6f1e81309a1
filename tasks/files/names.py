"""Paths as tenants write them: below their root, one name after another. Pure."""

from __future__ import annotations

#: What an operation has not finished lies below such a name, which nobody else may use.
OURS = ".carillon-"
#: What SQLite keeps beside a file and believes: whoever could write it would tell SQLite what to do to other files.
SQLITES = ("-journal", "-wal", "-shm")
LONGEST_NAME = 255
LONGEST = 4096
DEEPEST = 64


class BadName(ValueError):
    """What is wrong with a path, and how it should be."""


def parts(path: str) -> tuple[str, ...]:
    """The names of a path; none for the root itself, which is ``""`` or ``"."``."""
    if path in ("", "."):
        return ()
    if path.startswith("/"):
        raise BadName(f"{path!r} is absolute: write it as seen from the tenant's root, without a slash in front")
    names = tuple(path.removesuffix("/").split("/"))
    if len(names) > DEEPEST or len(path.encode(errors="replace")) > LONGEST:
        raise BadName(f"a path has at most {LONGEST} bytes and {DEEPEST} names")
    for name in names:
        _check(name, path)
    return names


def _check(name: str, path: str) -> None:
    if name in ("", ".", ".."):
        raise BadName(f"{path!r} has an empty name, '.' or '..' in it: write the path without them")
    if "\0" in name or not _is_text(name):
        raise BadName(f"{path!r} holds a NUL or what is no text")
    if len(name.encode()) > LONGEST_NAME:
        raise BadName(f"a name in a path has at most {LONGEST_NAME} bytes")
    if name.startswith(OURS):
        raise BadName(f"names that begin with {OURS} are for unfinished work: take another")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def checked(path: str) -> str:
    """The path as it was written, without a slash at its end."""
    return "/".join(parts(path))


def is_sqlites(path: str) -> bool:
    """Whether SQLite would take a file of this name for its own."""
    return path.removesuffix("/").casefold().endswith(SQLITES)


def joined(folder: str, name: str) -> str:
    """A path below a folder."""
    return f"{folder}/{name}" if folder else name
