"""Processes that die, stand still or are asked to end. Whatever ends is started again by the keeper."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator

from tests.chaos.faults.registry import KINDS, fault
from tests.chaos.stand import Stand
from tests.support.stack_member import Member

#: A rolling restart goes on after so many seconds: other faults wait for it.
PATIENCE = 5.0


def _one(stand: Stand, role: str, chance: random.Random) -> Member | None:
    up = stand.keeper.up(role)
    return chance.choice(up) if up else None


def _kill(role: str) -> None:
    @fault(f"kill {role}")
    def kill(stand: Stand, chance: random.Random) -> Iterator[str]:
        if member := _one(stand, role, chance):
            member.send(signal.SIGKILL)
            yield f"{role} {member.pid}"


def _end(role: str) -> None:
    @fault(f"restart {role}")
    def end(stand: Stand, chance: random.Random) -> Iterator[str]:
        if member := _one(stand, role, chance):
            member.send(signal.SIGTERM)
            yield f"{role} {member.pid}"


def _stop(role: str, leases: float | None) -> None:
    """``leases``: how many of them it stands still; the fault's own length if None."""
    kind = f"stop {role}" if leases is None else f"stop {role} {leases:g} leases"

    @fault(kind)
    def stop(stand: Stand, chance: random.Random) -> Iterator[str]:
        if member := _one(stand, role, chance):
            member.send(signal.SIGSTOP)
            try:
                yield f"{role} {member.pid}"
            finally:
                member.send(signal.SIGCONT)


for _role in ("web", "beat", "engine", "worker"):
    _kill(_role)
    _end(_role)
for _role in ("beat", "engine"):
    _stop(_role, None)
for _leases in (0.5, 1.5):
    _stop("worker", _leases)
#: Faults whose length is a number of leases instead of the plan's.
LEASES = {kind: float(kind.split()[2]) for kind in KINDS if kind.endswith(" leases")}


@fault("kill child")
def kill_child(stand: Stand, chance: random.Random) -> Iterator[str]:
    """One that runs an attempt, if there is one."""
    if pid := _child(stand, chance):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        yield f"child {pid}"


@fault("stop child")
def stop_child(stand: Stand, chance: random.Random) -> Iterator[str]:
    """It stands still while its master renews the lease: late, but its own."""
    if pid := _child(stand, chance):
        os.kill(pid, signal.SIGSTOP)
        try:
            yield f"child {pid}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _child(stand: Stand, chance: random.Random) -> int | None:
    children = [pid for member in stand.keeper.up("worker") for pid in member.children()]
    with contextlib.suppress(Exception), stand.connect() as connection:
        rows = connection.execute("SELECT DISTINCT worker_pid FROM execution WHERE state = 'running'").fetchall()
        children = [pid for (pid,) in rows if pid in children] or children
    return chance.choice(children) if children else None


@fault("power off")
def power_off(stand: Stand, chance: random.Random) -> Iterator[str]:
    """Everything of ours at once, and PostgreSQL as if its machine had lost power."""
    for member in stand.keeper.up():
        member.send(signal.SIGKILL)
    stand.carillon.postgres.stop("immediate")
    stand.carillon.postgres.start()
    yield "all processes and PostgreSQL"


@fault("rolling restart")
def roll(stand: Stand, chance: random.Random) -> Iterator[str]:
    """A process of each role, one after the other, by SIGTERM; the next goes once it has ended, or is slow to."""
    members = [member for role in ("web", "beat", "engine", "worker") if (member := _one(stand, role, chance))]
    for member in members:
        member.send(signal.SIGTERM)
        until = time.monotonic() + PATIENCE
        while member.alive and time.monotonic() < until:
            time.sleep(0.1)
    yield f"{len(members)} processes"
