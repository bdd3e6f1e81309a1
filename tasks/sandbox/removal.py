"""Removes a folder whatever a script has made of it: nested without end, closed, full of links.

Folders are taken apart from the top: what is in a subfolder's subfolder is moved up, so that no path grows long
and nothing recurses. No link is followed. Standard library only, and little of it: the leash imports this.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator


def remove(folder: str | os.PathLike[str]) -> None:
    """Remove it with all that is in it, as far as we may; a folder that is not there is none to remove."""
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    numbers = itertools.count()
    try:
        while sum(_unpack(top, name, numbers) for name in _clear(top)):
            pass  # until none is left, or nothing more can be done
    finally:
        os.close(top)
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _clear(fd: int) -> list[str]:
    """Unlink what is no folder; the names of the folders."""
    folders = []
    for name in os.listdir(fd):
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                folders.append(name)
            else:
                os.unlink(name, dir_fd=fd)
    return folders


def _unpack(top: int, name: str, numbers: Iterator[int]) -> bool:
    """Move the subfolders of a folder beside it and remove it; whether any of that could be done."""
    done = False
    with contextlib.suppress(OSError):
        inner = opened(name, top)
        try:
            for each in _clear(inner):
                with contextlib.suppress(OSError):
                    os.rename(each, f".moved-{next(numbers)}", src_dir_fd=inner, dst_dir_fd=top)
                    done = True
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)
        done = True
    return done


def opened(name: str, parent: int) -> int:
    """A folder's descriptor, and the folder open to us even if whoever made it has closed it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(place).st_mode)
        if mode & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
    finally:
        os.close(place)
    return os.open(name, flags, dir_fd=parent)
