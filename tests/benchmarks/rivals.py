"""The peers: Celery prefork with two processes, without a record and with two ways to keep one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import redis
from celery import Celery

from scheduler_project.env import ROOT
from scheduler_project.local.child import Program
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey
from tests.benchmarks import costs
from tests.benchmarks.costs import Round
from tests.support.stack import wait_for
from tests.support.stack_member import Member

RAW = "raw Celery, no record"
TUNED = "Celery + django-celery-results, tuned"
INSTALLED = "Celery + django-celery-results, as installed"
_DATABASE = "peers"
_RESULTS = "django_celery_results_taskresult"


@dataclass
class Rival:
    """One peer. ``key`` names its size in Sizes."""

    name: str
    key: str
    module: str
    broker: str
    database: str
    folder: Path
    _turn: int = field(default=0)

    def __post_init__(self) -> None:
        self._client = redis.Redis.from_url(self.broker, decode_responses=True)
        self._app = Celery(self.key, broker=self.broker)

    def round(self, count: int, servers: Callable[[], dict[str, float]]) -> Round:
        """Run no-op tasks that all lie in the queue before the worker starts."""
        self._forget()
        for _ in range(count):
            self._send("peers.noop")
        worker = self._worker()
        try:
            before = self._spent(worker) | servers()
            rate = self._rate_of_records(count) if self.module == "results" else self._rate_of_queue(count)
            return Round.over(rate, before, self._spent(worker) | servers(), count)
        finally:
            worker.end(signal.SIGTERM)

    def delays(self, count: int, pause: Callable[[], None]) -> list[float]:
        """Milliseconds from before the call until the task's first line, one at a time."""
        worker = self._worker()
        try:
            return [self._delay(pause) for _ in range(count + 5)][5:]
        finally:
            worker.end(signal.SIGTERM)

    def close(self) -> None:
        self._client.close()
        self._app.close()

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BENCHMARK_BROKER": self.broker,
            "BENCHMARK_QUEUE": self.key,
            "BENCHMARK_DATABASE": self.database,
            "BENCHMARK_TUNED": "1" if self.key == "tuned" else "0",
        }

    def _delay(self, pause: Callable[[], None]) -> float:
        key = f"stamp:{uuid4()}"
        called = time.time()
        self._send("peers.stamp", key)
        stamped = wait_for(lambda: str(self._client.get(key) or ""), 30, "the task has begun", every=0.005)
        pause()
        return 1000 * (float(stamped) - called)

    def _send(self, task: str, *arguments: Any) -> None:
        self._app.send_task(task, args=arguments, queue=self.key, ignore_result=self.module == "raw")

    @staticmethod
    def _spent(worker: Member) -> dict[str, float]:
        return {
            "worker, main process": costs.seconds([worker.pid]),
            "worker, children": costs.seconds(worker.children()),
        }

    def _worker(self) -> Member:
        self._turn += 1
        argv = [sys.executable, "-m", "celery", f"--app=tests.benchmarks.peers.{self.module}", "worker",
                "--pool=prefork", "--concurrency=2", f"--queues={self.key}", "--loglevel=INFO"]  # fmt: skip
        program = Program(self.key, argv, self.environment(), ready=" ready.")
        member = Member(program, self._turn, self.folder / f"{self.key}-{self._turn}.log")
        member.wait_ready()
        return member

    def _rate_of_queue(self, count: int) -> float:
        """Without a record only the queue can be watched; what lies prefetched cancels out between start and end."""
        tenth = count - count // 10
        wait_for(lambda: self._client.llen(self.key) <= tenth, 120, "a tenth was taken", every=0.005)
        begun, left = time.time(), int(self._client.llen(self.key))
        wait_for(lambda: self._client.llen(self.key) == 0, 600, "all were taken", every=0.005)
        return left / (time.time() - begun)

    def _rate_of_records(self, count: int) -> float:
        query = f"SELECT extract(epoch FROM date_done)::float8 FROM {_RESULTS} WHERE status = 'SUCCESS' ORDER BY 1"
        with psycopg.connect(self.database, autocommit=True) as connection:
            times = wait_for(
                lambda: (rows := connection.execute(query).fetchall())[count - 1 :] and rows, 600, "all done", every=0.5
            )
        tenth = count // 10
        done: float = (count - tenth) / (times[-1][0] - times[tenth - 1][0])
        return done

    def _forget(self) -> None:
        self._client.delete(self.key)
        if self.module == "results":
            with psycopg.connect(self.database, autocommit=True) as connection:
                connection.execute(f"TRUNCATE {_RESULTS}")


def prepare(postgres: Postgres, valkey: Valkey, folder: Path) -> list[Rival]:
    """Their database on the same server, their queues in the same Valkey."""
    with psycopg.connect(postgres.url(), autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {_DATABASE}")
    made = [(RAW, "raw", "raw"), (TUNED, "tuned", "results"), (INSTALLED, "installed", "results")]
    rivals = [Rival(name, key, module, valkey.url(1), postgres.url(_DATABASE), folder) for name, key, module in made]
    migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    settings = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.peers.results_settings"}
    subprocess.run(migrate, env=rivals[-1].environment() | settings, cwd=ROOT, check=True)
    return rivals


def close(rivals: list[Rival]) -> None:
    for rival in rivals:
        rival.close()
