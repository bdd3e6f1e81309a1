"""Which walls this machine can put around a command, found out by putting them up once per process."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from tasks.sandbox import accounts, bubble, process

Level = Literal["namespaces", "process group"]


def level() -> Level:
    """``namespaces``: bubblewrap works. ``process group``: another user if we are root, limits, and the leash."""
    return "process group" if wrapper() is None else "namespaces"


@functools.cache
def wrapper() -> process.Wrapper | None:
    """How to call bubblewrap here, hardened as far as it knows how to; None if it does not work at all."""
    program = shutil.which("bwrap", path=process.PATH)
    if program is None:
        return None
    for hardening in (bubble.HARDENING, ()):
        candidate = process.Wrapper(program, hardening)
        if _works(candidate):
            return candidate
    return None


def _works(candidate: process.Wrapper) -> bool:
    account = accounts.service_account()
    with tempfile.TemporaryDirectory(prefix="carillon-probe-") as name:
        folder = Path(name).resolve()
        accounts.hand_over(folder, account)
        command = process.Command(["/usr/bin/env", "true"], folder, account=account, wrapper=candidate, label="probe")
        return process.run(command, lambda *_: None).code == 0
