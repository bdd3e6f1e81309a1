"""What processes cost: processor time and memory, read from /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scheduler_project.local import leash
from tests.support.stack import Stack
from tests.support.stack_member import Member

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Round:
    """One measured round: executions a second, and the milliseconds of processor time each took, by process."""

    rate: float
    cost: Mapping[str, float]

    @classmethod
    def over(cls, rate: float, before: Mapping[str, float], after: Mapping[str, float], count: int) -> Round:
        """From the processor seconds spent before and after ``count`` executions."""
        return cls(rate, {name: 1000 * (after[name] - before[name]) / count for name in before})


def seconds(pids: Iterable[int]) -> float:
    """Processor time so far, of ended and collected children too."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # ended meanwhile
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(value) for value in fields[11:15])
    return total / _TICK


def mebibytes(pids: Iterable[int]) -> float:
    """Proportional set size: shared pages are counted once over all that share them."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def tree(member: Member) -> list[int]:
    """A process and its children."""
    return [member.pid, *member.children()]


def servers(carillon: Stack) -> dict[str, float]:
    """Processor time of PostgreSQL and Valkey so far."""
    return {
        "PostgreSQL": seconds(leash.inhabitants(carillon.postgres.data)),
        "Valkey": seconds(leash.inhabitants(carillon.valkey.data)),
    }
