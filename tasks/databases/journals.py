"""What SQLite leaves beside a file, and must not believe: a journal may name another file, which it would delete.

A rollback journal that ends with the name of a super-journal makes SQLite delete the file of that name when it rolls
back, at the first read of a session. Only ATTACH, which is closed, makes such journals; but whoever can put bytes at the
journal's end can make one: a file that is put there, or a session's own journal that was cut off in the middle of a page.

Two walls. :func:`check` looks before a session and says what is wrong; a journal may still appear after the look, with
each statement. So our sessions use :func:`filesystem`, SQLite's own way to files with one thing changed: a super-journal
is not opened, whoever asks. SQLite deletes it only after it has read it, so it deletes none, and there is nothing to race
with. Journals stay on the disk, and a killed session is rolled back as before. If this Python's SQLite cannot be given
such a way, no session is opened.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
from functools import cache
from typing import Any

from jobs.handlers import PermanentFailure
from jobs.rules.codes import Failure
from tasks.files import names

NAME = "carillon"
SUFFIXES = names.SQLITES
_MAGIC = bytes.fromhex("d9d505f920a163d7")
_SUPER_JOURNAL = 0x4000
_CANNOT_OPEN = 14
#: Versions of the table of functions differ by what follows these.
_VERSION = 3

_Open = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs`` of its third version."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("following", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", _Open),
        ("others", ctypes.c_void_p * 15),
    ]


def check(folder: int, name: str) -> None:
    """Refuse what lies beside the file ``name`` of a folder if no session of ours can have left it."""
    if names.is_sqlites(name):
        message = f"{name} is not opened: its name is one of SQLite's own for what it keeps beside a file"
        raise PermanentFailure(message, code=Failure.UNSAFE_TARGET)
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            beside = f"{name}{suffix}"
            if not stat.S_ISREG(os.stat(beside, dir_fd=folder, follow_symlinks=False).st_mode):
                raise _refused(name, beside, "is no plain file")
            found = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            try:
                _check(name, beside, found)
            finally:
                os.close(found)


def _check(name: str, beside: str, file: int) -> None:
    kind = os.fstat(file)
    if not stat.S_ISREG(kind.st_mode) or kind.st_nlink != 1:
        raise _refused(name, beside, "is no plain file with one name")
    if beside.endswith("-journal") and os.pread(file, 8, max(kind.st_size - 8, 0)) == _MAGIC and kind.st_size > 8:
        raise _refused(name, beside, "names another file, which SQLite would delete")


def _refused(name: str, beside: str, why: str) -> PermanentFailure:
    message = f"{name} is not opened: {beside} beside it {why}. Delete {beside}, and put {name} there again from a copy"
    return PermanentFailure(message, code=Failure.UNSAFE_TARGET)


@cache
def filesystem() -> str:
    """The name of the way to files that opens no super-journal, for ``vfs=``."""
    import _sqlite3  # noqa: PLC0415 - its own SQLite is meant, and there may be several in the process

    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    try:
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        _kept.append(_registered(library, library.sqlite3_vfs_find(b"unix")))
    except AttributeError:
        message = "this installation's SQLite cannot be fenced in: install a Python that shares the system's SQLite"
        raise PermanentFailure(message, code=Failure.CONFIG_INVALID) from None
    return NAME


#: As long as the process: SQLite holds pointers into it.
_kept: list[Any] = []


def _registered(library: Any, usual: Any) -> Any:
    if not usual or usual.contents.version < _VERSION:
        raise AttributeError
    opened = usual.contents.open

    def judged(_: int, name: int, file: int, flags: int, got: int) -> int:
        if flags & _SUPER_JOURNAL:
            return _CANNOT_OPEN
        return int(opened(ctypes.addressof(usual.contents), name, file, flags, got))

    ours = _Vfs.from_buffer_copy(usual.contents)
    ours.version, ours.following, ours.name, ours.open = _VERSION, None, NAME.encode(), _Open(judged)
    if library.sqlite3_vfs_register(ctypes.byref(ours), 0):
        raise AttributeError
    return ours, opened, judged
