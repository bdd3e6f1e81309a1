"""Sizes, figures and the machine they were measured on."""

from __future__ import annotations

import math
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scheduler_project.env import ROOT

CARILLON = "Carillon"
PACKAGES = ("celery", "django", "django-celery-results", "psycopg", "redis")


@dataclass(frozen=True)
class Sizes:
    """How much is measured: by default little, to be done within three minutes."""

    rounds: int = 3
    batched: int = 20_000
    executions: int = 2_000
    #: Of a peer per round: about as many seconds as ours.
    raw: int = 6_000
    tuned: int = 2_000
    installed: int = 1_000
    procrastinate: int = 3_000
    pgqueuer: int = 30_000
    oban: int = 15_000
    calls: int = 60
    slots: int = 15
    stored: int = 10_000
    at_once: tuple[int, ...] = (1_000,)
    changes: int = 5
    #: Runs asked for in each of the two halves, one a second; and what the other tenant floods.
    modest: int = 20
    flood: int = 50_000
    most_schedules: int = 1_000_000
    #: Live runs in each of two halves, four a second; schedules that missed three hours of minutes meanwhile.
    live: int = 120
    missed: int = 40

    @classmethod
    def full(cls) -> Sizes:
        return cls(
            rounds=5,
            batched=100_000,
            executions=10_000,
            raw=30_000,
            tuned=8_000,
            installed=4_000,
            procrastinate=12_000,
            pgqueuer=150_000,
            oban=60_000,
            calls=200,
            slots=60,
            stored=100_000,
            at_once=(1_000, 10_000),
            changes=15,
            modest=30,
        )


@dataclass(frozen=True)
class Figure:
    """Repeated measurements of one thing."""

    measure: str
    subject: str
    unit: str
    values: Sequence[float] = field(repr=False)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def percentile(self, share: float) -> float:
        """The smallest value that this share of all do not exceed."""
        ordered = sorted(self.values)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Machine:
    """Where and when."""

    at: str
    commit: str
    cpu: str
    cores: int
    python: str
    versions: dict[str, str]
    load: float

    @classmethod
    def now(cls) -> Machine:
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        head = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip()
        return cls(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=commit or "unknown",
            cpu=names[0].partition(":")[2].strip() if names else platform.machine(),
            cores=len(os.sched_getaffinity(0)),
            python=platform.python_version(),
            versions={name: version(name) for name in PACKAGES},
            load=os.getloadavg()[0],
        )

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.at}, commit {self.commit}, {self.cores} cores of {self.cpu}, Python {self.python}, {versions};"
            f" load average {self.load:.1f} before anything was started"
        )
