"""Celery's schedulers: how late they send what is due at once, and how soon a new schedule is known to them.

What they send is taken out of the queue here and stamped as it arrives; nothing runs it. So theirs ends at
dispatch, ours at the start of the run.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import redis

from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey
from tests.benchmarks import costs, environments, rivals
from tests.benchmarks.figures import Figure, Sizes
from tests.benchmarks.measures import MEMORY, NEW_SCHEDULE, at_once
from tests.support.stack_member import Member

_FOLDER = Path(__file__).with_name("peers") / "beats"
_KINDS = {
    "redbeat": ("RedBeat", "redbeat.RedBeatScheduler"),
    "django": ("django-celery-beat", "django_celery_beat.schedulers:DatabaseScheduler"),
}
#: What has not been sent a minute after it was due is as late as that, at least.
WINDOW = 60.0
DUE = 1_000
READY = "beat: Starting..."


class BeatRival(rivals.Peer):
    """One of Celery's schedulers."""

    def __init__(self, key: str, python: Path, broker: str, database: str, folder: Path) -> None:
        self.name, self._scheduler = _KINDS[key]
        super().__init__(key, folder, broker=broker, database=database)
        self._python = str(python)
        self._client = redis.Redis.from_url(broker, socket_timeout=None)
        self._run("install")

    def measure(self, sizes: Sizes) -> Iterator[Figure]:
        """Lateness of a thousand due at once, memory with that many stored, and new schedules."""
        self._client.flushdb()
        later = (datetime.now(UTC).minute + 30) % 60
        self._run("fill", str(sizes.stored), str(DUE), str(later))
        member = self._started()
        try:
            late = self._late()
            yield Figure(at_once(DUE, sizes.stored), f"{self.name}, until sent", "ms", late)
            yield Figure(f"{MEMORY} of beat", self.name, "MiB", [costs.mebibytes([member.pid])])
            yield Figure(NEW_SCHEDULE, f"{self.name}: first run", "ms", [self._first_of_new()])
        finally:
            member.end(signal.SIGKILL)

    def close(self) -> None:
        self._client.close()

    def _late(self) -> list[float]:
        """Milliseconds after a minute's beginning; the first whole minute that it is up before by ten seconds."""
        boundary = (time.time() + 10) // 60 * 60 + 60
        arrived = list(self._arrivals(boundary + WINDOW, DUE, boundary))
        return [1000 * (at - boundary) for at in arrived] + [1000 * WINDOW] * (DUE - len(arrived))

    def _first_of_new(self) -> float:
        """One sample: what they wait for is their own interval, not chance."""
        self._client.delete(self.key)
        stored = float(self._run("add"))
        first = next(self._arrivals(stored + WINDOW, 1, stored), stored + WINDOW)
        return 1000 * (first - stored)

    def _arrivals(self, until: float, count: int, since: float) -> Iterator[float]:
        while count and (left := until - time.time()) > 0:
            if self._client.blpop([self.key], timeout=min(left, 5)) and (at := time.time()) >= since:
                count -= 1
                yield at

    def _started(self) -> Member:
        argv = [self._python, "-m", "celery", f"--workdir={_FOLDER}", "--app=beats", "beat",
                f"--scheduler={self._scheduler}", "--schedule=", "--pidfile=", "--loglevel=INFO"]  # fmt: skip
        return self.started(argv, READY)

    def _run(self, *arguments: str) -> str:
        return rivals.run([self._python, str(_FOLDER / "beats.py"), self.key, *arguments], self.environment(), _FOLDER)


def prepare(postgres: Postgres, valkey: Valkey, folder: Path) -> list[BeatRival]:
    """Both, if their environment can be made."""
    python = environments.python(_FOLDER / "requirements.txt")
    if python is None:
        return []
    return [
        BeatRival(key, python, valkey.url(number), rivals.database(postgres, key), folder)
        for number, key in enumerate(_KINDS, start=2)
    ]
