"""Finding processes by what they carry, and waiting for what must become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def marked(marker: str) -> list[str]:
    """Command lines of the living processes with the marker in their arguments or environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                arguments = (folder / "cmdline").read_bytes()
                carried = arguments + (folder / "environ").read_bytes()
            except OSError:
                continue  # ended meanwhile, or none of ours
            if marker.encode() in carried:
                found.append(arguments.replace(b"\0", b" ").decode(errors="replace"))
    return found


def eventually(condition: Callable[[], object], seconds: float = 15) -> bool:
    """Whether the condition becomes true within the time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
