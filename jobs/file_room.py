"""How much room files of tenants take, by looking at them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from django.conf import settings

#: Files that are looked at while somebody waits for an answer.
MOST_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class Taken:
    """``at_least``: there are more files than were looked at."""

    bytes: int
    at_least: bool


def of_tenant(slug: str) -> Taken | None:
    """Of its folder; None where this machine does not have the folder of all tenants, or may not look into it."""
    try:
        if not settings.FILES.is_dir():
            return None
        folder = os.open(settings.FILES / slug, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return Taken(0, at_least=False)  # made when a job first asks for it
    except OSError:
        return None
    try:
        return below(folder, most=MOST_LOOKED_AT)
    finally:
        os.close(folder)


def below(folder: int, *, most: int | None = None) -> Taken:
    """Of all files below a descriptor, those that are being written among them; of so many at most."""
    total = seen = 0
    for _, _, found, descriptor in os.fwalk(dir_fd=folder, follow_symlinks=False):
        for name in found:
            if seen == most:
                return Taken(total, at_least=True)
            seen += 1
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_size
    return Taken(total, at_least=False)
