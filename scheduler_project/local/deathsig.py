"""Runs a program that gets a signal when its starter dies, also by ``kill -9``.

    python -I -S deathsig.py SIGNAL PARENT_PID PROGRAM [ARGUMENT ...]

A script of its own rather than ``preexec_fn``: no code of ours runs between fork and exec of a
process that has threads. Linux ties the signal to the starting *thread*, so start from one that
lives as long as its process does. The signal survives ``exec`` but is not handed to children.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def command(*argv: str, signal: int) -> list[str]:
    """The argument list that runs ``argv`` tied to the calling process."""
    script = str(Path(__file__).resolve())
    return [sys.executable, "-I", "-S", script, str(int(signal)), str(os.getpid()), *argv]


def main(signal: str, parent: str, program: str, *arguments: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # A starter that died before prctl sends nothing any more.
    if os.getppid() == int(parent):
        os.execv(program, [program, *arguments])  # noqa: S606 - an absolute path, no shell


if __name__ == "__main__":
    main(*sys.argv[1:])
