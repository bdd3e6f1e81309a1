"""Queues that live in PostgreSQL: Procrastinate, pgqueuer and oban-py, each in an environment of its own."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from scheduler_project.local.postgres import Postgres
from tests.benchmarks import environments, rivals
from tests.benchmarks.costs import Round
from tests.benchmarks.peers.queues.command import READY
from tests.benchmarks.rivals import Rival
from tests.support.stack_member import Member

_FOLDER = Path(__file__).with_name("peers") / "queues"


@dataclass(frozen=True)
class _Kind:
    """``times`` lists when each job ended, ``tables`` are emptied before a round."""

    name: str
    key: str
    requirements: str
    ended: str
    times: str
    tables: str
    python: tuple[int, int] = (3, 11)


_KINDS = (
    _Kind(
        "Procrastinate, ten at a time",
        "procrastinate",
        "requirements.txt",
        "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'",
        "SELECT extract(epoch FROM at)::float8 FROM procrastinate_events WHERE type = 'succeeded' ORDER BY 1",
        "procrastinate_jobs, procrastinate_events",
    ),
    _Kind(
        "pgqueuer, batches of 100",
        "pgqueuer",
        "requirements.txt",
        "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'",
        "SELECT extract(epoch FROM created)::float8 FROM pgqueuer_log WHERE status = 'successful' ORDER BY 1",
        "pgqueuer, pgqueuer_log",
    ),
    _Kind(
        "oban-py, fifty at a time",
        "oban",
        "requirements-oban.txt",
        "SELECT count(*) FROM oban_jobs WHERE state = 'completed'",
        "SELECT extract(epoch FROM completed_at)::float8 FROM oban_jobs WHERE state = 'completed' ORDER BY 1",
        "oban_jobs",
        (3, 12),
    ),
)


class QueueRival(Rival):
    """What it runs is in peers/queues/<key>_peer.py."""

    def __init__(self, kind: _Kind, python: Path, database: str, folder: Path) -> None:
        super().__init__(kind.key, folder, database=database)
        self.name, self._kind = kind.name, kind
        self._program = [str(python), str(_FOLDER / "command.py"), kind.key]
        self._run("install")

    def round(self, count: int, servers: Callable[[], dict[str, float]]) -> Round:
        self._forget()
        self._run("fill", str(count))
        worker = self._worker()
        try:
            before = self.spent(worker) | servers()
            rate = self.rate_of_records(count, self._kind.times, self._kind.ended)
            return Round.over(rate, before, self.spent(worker) | servers(), count)
        finally:
            worker.end(signal.SIGKILL)

    def delays(self, count: int, pause: Callable[[], None]) -> list[float]:
        self._forget()
        worker = self._worker()
        try:
            with tempfile.TemporaryDirectory(dir=self.folder) as stamps:
                measured: list[float] = json.loads(self._run("delays", str(count), stamps))
                return measured
        finally:
            worker.end(signal.SIGKILL)

    def _worker(self) -> Member:
        return self.started([*self._program, "work"], READY)

    def _run(self, *arguments: str) -> str:
        return rivals.run([*self._program, *arguments], self.environment())

    def _forget(self) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {self._kind.tables} CASCADE")


def prepare(postgres: Postgres, folder: Path) -> Sequence[Rival]:
    """Those whose environment can be made."""
    prepared = []
    for kind in _KINDS:
        python = environments.python(_FOLDER / kind.requirements, at_least=kind.python)
        if python is not None:
            prepared.append(QueueRival(kind, python, rivals.database(postgres, kind.key), folder))
    return prepared
