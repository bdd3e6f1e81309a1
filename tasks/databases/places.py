"""Where SQLite files lie: below the tenant's own folder, reached without following a link."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from jobs.handlers import Context, PermanentFailure
from jobs.rules.codes import Failure
from tasks.databases import journals
from tasks.files import names


def root(context: Context) -> Path:
    """The tenant's own folder."""
    return Path(settings.FILES) / context.tenant


@contextlib.contextmanager
def opened(root: Path, path: str) -> Iterator[int]:
    """A handle on a plain file with one name only, beside which nothing lies that could mislead SQLite."""
    if names.is_sqlites(path):
        raise _refused(path, "its name is one of SQLite's own for what it keeps beside a file")
    try:
        file = _open(root, path)
    except FileNotFoundError:
        raise PermanentFailure(f"there is no file {path} in the tenant's folder", code=Failure.CONFIG_INVALID) from None
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None
    try:
        kind = os.fstat(file)
        if not stat.S_ISREG(kind.st_mode):
            raise _refused(path, "it is no plain file")
        if kind.st_nlink != 1:
            raise _refused(path, "it has a second name elsewhere")
        yield file
    finally:
        os.close(file)


def _open(root: Path, path: str) -> int:
    *folders, name = path.split("/")
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        journals.check(here, name)
        return os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)


def _refused(path: str, why: str) -> PermanentFailure:
    return PermanentFailure(f"{path} is not opened: {why}", code=Failure.UNSAFE_TARGET)
