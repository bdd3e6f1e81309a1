"""What all peers have in common, and which of them run what they are given."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import psycopg

from scheduler_project.env import ROOT
from scheduler_project.local.child import Program
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey
from tests.benchmarks import costs
from tests.benchmarks.costs import Round
from tests.support.stack import wait_for
from tests.support.stack_member import Member


class Peer:
    """What is measured beside Carillon, with a database and a queue of its own, both named by ``key``."""

    def __init__(self, key: str, folder: Path, *, broker: str = "", database: str = "") -> None:
        self.key, self.folder, self.broker, self.database = key, folder, broker, database
        self._turn = 0

    def close(self) -> None:
        """Let go of connections."""

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BENCHMARK_BROKER": self.broker,
            "BENCHMARK_QUEUE": self.key,
            "BENCHMARK_DATABASE": self.database,
            "BENCHMARK_TUNED": "1" if self.key == "tuned" else "0",
        }

    def started(self, argv: list[str], ready: str) -> Member:
        """A process that has said that it is up."""
        self._turn += 1
        program = Program(self.key, argv, self.environment(), ready=ready)
        member = Member(program, self._turn, self.folder / f"{self.key}-{self._turn}.log")
        member.wait_ready()
        return member


class Rival(Peer, ABC):
    """A peer that runs what it is given. Its key names its size in Sizes."""

    name: str

    @abstractmethod
    def round(self, count: int, servers: Callable[[], dict[str, float]]) -> Round:
        """Run no-op tasks that all lie in the queue before the worker starts."""

    @abstractmethod
    def delays(self, count: int, pause: Callable[[], None]) -> list[float]:
        """Milliseconds from before the call until the task's first line, one at a time."""

    def spent(self, worker: Member) -> dict[str, float]:
        """Processor time so far."""
        return {
            "worker, main process": costs.seconds([worker.pid]),
            "worker, children": costs.seconds(worker.children()),
        }

    def rate_of_records(self, count: int, times: str, ended: str) -> float:
        """From when a tenth had ended until all had; ``ended`` counts, ``times`` lists the stored instants in order."""
        with psycopg.connect(self.database, autocommit=True) as connection:

            def all_ended() -> bool:
                (number,) = connection.execute(ended).fetchone() or (0,)
                return bool(number >= count)

            wait_for(all_ended, 600, f"all of {self.name} have ended", every=0.2)
            instants = [at for (at,) in connection.execute(times)]
        tenth = count // 10
        rate: float = (count - tenth) / (instants[-1] - instants[tenth - 1])
        return rate


def database(postgres: Postgres, name: str) -> str:
    """A new one on the same server."""
    with psycopg.connect(postgres.url(), autocommit=True) as superuser:
        superuser.execute(f'CREATE DATABASE "{name}"')
    return postgres.url(name)


def prepare(postgres: Postgres, valkey: Valkey, folder: Path) -> list[Rival]:
    """All that can run here; their databases on the same server, their queues in the same Valkey."""
    from tests.benchmarks import rival_celery, rival_queues

    return [*rival_celery.prepare(postgres, valkey, folder), *rival_queues.prepare(postgres, folder)]


def run(argv: list[str], environment: dict[str, str], cwd: Path = ROOT) -> str:
    """Run one of a peer's commands; returns what it printed."""
    done = subprocess.run(argv, env=environment, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout
