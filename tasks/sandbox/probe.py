"""The declared level, and whether this machine can do it: found out by doing it, once per process.

``full``: bubblewrap and all of ``bubble.py``, ``namespaces.py`` and ``seccomp.py``. ``process group``: the leash,
the limits and, as root, another user; no more. A machine that cannot do what is declared runs no command at all.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from jobs.handlers import PermanentFailure
from tasks.sandbox import accounts, bubble, process, seccomp

FULL, PROCESS_GROUP = "full", "process group"


@dataclass(frozen=True)
class Standing:
    """A level in force here, with how bubblewrap is called; or the problem that keeps it from being so."""

    level: str
    wrapper: process.Wrapper | None = None
    problem: str = ""


def standing() -> Standing:
    """Of the declared level."""
    return _full() if settings.SANDBOX == FULL else Standing(PROCESS_GROUP)


@functools.cache
def _full() -> Standing:
    """Hardened as far as this bubblewrap knows how to."""
    program = shutil.which("bwrap", path=process.PATH)
    if program is None:
        return _without(f"bubblewrap is not installed (no bwrap in {process.PATH})")
    if seccomp.program() is None:
        return _without("there is no filter of system calls for this processor's architecture")
    said = ""
    for hardening in (bubble.HARDENING, ()):
        candidate = process.Wrapper(program, hardening)
        said = _tried(candidate)
        if not said:
            return Standing(FULL, candidate)
    return _without(f"namespaces cannot be made here: {said}")


def _without(why: str) -> Standing:
    return Standing(
        FULL,
        problem=f"this machine cannot do the sandbox level {FULL!r}, which is declared: {why}. Make it possible, see"
        f" docs/security.md, or declare CARILLON_SANDBOX={PROCESS_GROUP!r} where tenants are trusted",
    )


def _tried(candidate: process.Wrapper) -> str:
    """What went wrong when a command was run that way, empty if nothing."""
    heard: list[bytes] = []
    try:
        account = accounts.service_account()
        with tempfile.TemporaryDirectory(prefix="carillon-probe-") as name:
            folder = Path(name).resolve()
            accounts.hand_over(folder, account)
            # What it must see: no device but the loopback, a filter in force, no more privileges to be had.
            script = "grep -c : /proc/net/dev; grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status"
            argv = ["/bin/sh", "-c", script]
            command = process.Command(argv, folder, account=account, wrapper=candidate, label="probe")
            ending = process.run(command, lambda _, data: heard.append(data))
    except (PermanentFailure, OSError) as error:
        return str(error)
    said = b"".join(heard).decode(errors="replace")
    if ending.code == 0 and said.split() == ["1", "NoNewPrivs:", "1", "Seccomp:", "2"]:
        return ""
    return ending.error or said.strip()[-300:] or f"exit code {ending.code}"
