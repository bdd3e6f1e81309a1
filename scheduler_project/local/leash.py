"""A temporary folder that vanishes with its holder, and with it every process working there.

    python -I -S leash.py FOLDER < pipe

The holder keeps the writing end of the pipe. Its end, be it a plain close or the holder's
``kill -9``, closes the pipe; this process then ends whatever has its working directory in the
folder (servers change into their data folder, so no pid has to be remembered across restarts)
and deletes the folder. Only the standard library: it runs without site packages.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_SECONDS = 10.0


def inhabitants(folder: Path) -> list[int]:
    """Pids of the living processes that work in the folder or below it."""
    place = str(folder.resolve())
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            # A process that ended meanwhile, or belongs to someone else, is none of ours.
            with contextlib.suppress(OSError):
                directory = os.readlink(f"/proc/{entry}/cwd").removesuffix(" (deleted)")
                if directory == place or directory.startswith(place + "/"):
                    found.append(int(entry))
    return found


def clear(folder: Path) -> None:
    """Ends every process that works in the folder: asked first, killed after ten seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    order = signal.SIGINT
    asked: set[int] = set()
    while pids := inhabitants(folder):
        if time.monotonic() > deadline:
            order = signal.SIGKILL
            asked.clear()
        for pid in set(pids) - asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, order)
        asked.update(pids)
        time.sleep(0.02)


@contextlib.contextmanager
def temporary_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """A folder for a throwaway server, where temporary files go unless ``within`` names a place."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    argv = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(folder)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, cwd="/", start_new_session=True):
        yield folder


def main(folder: str) -> None:
    sys.stdin.buffer.read()
    clear(Path(folder))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1])
