"""Celery prefork with two processes, without a record and with two ways to keep one."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import redis
from celery import Celery

from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey
from tests.benchmarks import rivals
from tests.benchmarks.costs import Round
from tests.benchmarks.rivals import Rival
from tests.support.stack import wait_for
from tests.support.stack_member import Member

RAW = "raw Celery, no record"
TUNED = "Celery + django-celery-results, tuned"
INSTALLED = "Celery + django-celery-results, as installed"
_RESULTS = "django_celery_results_taskresult"
_ENDED = f"SELECT count(*) FROM {_RESULTS} WHERE status = 'SUCCESS'"
_TIMES = f"SELECT extract(epoch FROM date_done)::float8 FROM {_RESULTS} WHERE status = 'SUCCESS' ORDER BY 1"


class CeleryRival(Rival):
    """``module`` is "raw" or "results", of peers/."""

    def __init__(self, name: str, key: str, folder: Path, *, module: str, broker: str, database: str) -> None:
        super().__init__(key, folder, broker=broker, database=database)
        self.name, self.module = name, module
        self._client = redis.Redis.from_url(broker, decode_responses=True)
        self._app = Celery(key, broker=broker, set_as_current=False)

    def round(self, count: int, servers: Callable[[], dict[str, float]]) -> Round:
        self._forget()
        for _ in range(count):
            self._send("peers.noop")
        worker = self._worker()
        try:
            before = self.spent(worker) | servers()
            rate = self._rate_of_queue(count) if self.module == "raw" else self.rate_of_records(count, _TIMES, _ENDED)
            return Round.over(rate, before, self.spent(worker) | servers(), count)
        finally:
            worker.end(signal.SIGTERM)

    def delays(self, count: int, pause: Callable[[], None]) -> list[float]:
        worker = self._worker()
        try:
            return [self._delay(pause) for _ in range(count + 5)][5:]
        finally:
            worker.end(signal.SIGTERM)

    def close(self) -> None:
        self._client.close()
        self._app.close()

    def _delay(self, pause: Callable[[], None]) -> float:
        key = f"stamp:{uuid4()}"
        called = time.time()
        self._send("peers.stamp", key)
        stamped = wait_for(lambda: str(self._client.get(key) or ""), 30, "the task has begun", every=0.005)
        pause()
        return 1000 * (float(stamped) - called)

    def _send(self, task: str, *arguments: Any) -> None:
        self._app.send_task(task, args=arguments, queue=self.key, ignore_result=self.module == "raw")

    def _worker(self) -> Member:
        argv = [sys.executable, "-m", "celery", f"--app=tests.benchmarks.peers.{self.module}", "worker",
                "--pool=prefork", "--concurrency=2", f"--queues={self.key}", "--loglevel=INFO"]  # fmt: skip
        return self.started(argv, " ready.")

    def _rate_of_queue(self, count: int) -> float:
        """Without a record only the queue can be watched; what lies prefetched cancels out between start and end."""
        tenth = count - count // 10
        wait_for(lambda: self._client.llen(self.key) <= tenth, 120, "a tenth was taken", every=0.005)
        begun, left = time.time(), int(self._client.llen(self.key))
        wait_for(lambda: self._client.llen(self.key) == 0, 600, "all were taken", every=0.005)
        return left / (time.time() - begun)

    def _forget(self) -> None:
        self._client.delete(self.key)
        if self.module == "results":
            with psycopg.connect(self.database, autocommit=True) as connection:
                connection.execute(f"TRUNCATE {_RESULTS}")


def prepare(postgres: Postgres, valkey: Valkey, folder: Path) -> list[Rival]:
    """They need nothing that Carillon does not have anyway."""
    database = rivals.database(postgres, "celery_results")
    made = [(RAW, "raw", "raw"), (TUNED, "tuned", "results"), (INSTALLED, "installed", "results")]
    prepared: list[Rival] = [
        CeleryRival(name, key, folder, module=module, broker=valkey.url(1), database=database)
        for name, key, module in made
    ]
    settings = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.peers.results_settings"}
    rivals.run([sys.executable, "-m", "django", "migrate", "--verbosity=0"], prepared[-1].environment() | settings)
    return prepared
