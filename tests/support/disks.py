"""A file system that can be filled without filling the machine's: memory, mounted by root, gone with the block."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

#: What is taken at a time.
PIECE = 1 << 20


@contextlib.contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[bool]:
    """Make the folder such a file system; says whether that was possible: it takes root, and the right to mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "carillon-test", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Nothing more can be written below the mounted folder; what is freed meanwhile can."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb") as file:
            _take_all(file.fileno())
        yield
    finally:
        ballast.unlink(missing_ok=True)


def _take_all(file: int) -> None:
    taken, piece = 0, PIECE
    while piece:
        try:
            os.posix_fallocate(file, taken, piece)
            taken += piece
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            piece = piece // 2 if piece > 4096 else 0
