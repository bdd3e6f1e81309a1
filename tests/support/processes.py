"""Finding processes by what they carry, and waiting for what must become true."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.support.patience import Patience


def listed() -> dict[int, bytes]:
    """What a process list shows: the arguments of every living process, by pid."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile
            found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def marked(marker: str) -> list[str]:
    """Command lines of the living processes with the marker in their arguments or environment."""
    found = []
    for pid, arguments in listed().items():
        environment = b""
        with contextlib.suppress(OSError):  # ended meanwhile, or none of ours
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        if marker.encode() in arguments + environment:
            found.append(arguments.replace(b"\0", b" ").decode(errors="replace"))
    return found


def open_files() -> Counter[str]:
    """How many of each kind this process has open: each file by its path, all sockets, all pipes. Threads of earlier tests
    may open theirs anew, so descriptors themselves say nothing; what waits to be collected is closed first."""
    gc.collect()
    found: Counter[str] = Counter()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # of the listing itself
            found[os.readlink(f"/proc/self/fd/{name}").partition(":[")[0]] += 1
    return found


def eventually(condition: Callable[[], object], seconds: float = 60) -> bool:
    """Whether the condition becomes true within the time, which is longer on a busy machine."""
    patience = Patience(seconds)
    while not condition():
        if patience.over:
            return False
        time.sleep(0.01)
    return True
