"""Times an action many times over, each in a transaction that is rolled back, and counts the buffers it touches.

Time suffers from whatever else the machine does; the number of 8 KiB buffers a backend touches, in memory or
not, does not. It comes from PostgreSQL's own count of each backend's accesses, triggers and checks included.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any
from unittest import mock

import psycopg
from django.db import connection, transaction
from psycopg._preparing import PrepareManager

from tests.benchmarks.figures import Figure
from tests.scale.cost import Cost

#: Of each action, so that its statements are prepared and what they read is in memory.
WARM_UP = 3
_TOUCHED = """
SELECT coalesce(sum(hits), 0) + coalesce(sum(reads), 0) FROM pg_stat_get_backend_io(%s) WHERE object = 'relation'
"""


class Meter:
    """Measures on Django's connection; ``watcher`` is another one, of a superuser."""

    def __init__(self, watcher: psycopg.Connection[Any]) -> None:
        self._watcher = watcher

    def cost(self, name: str, action: Callable[[int], object], *, runs: int) -> Cost:
        """``action`` is given the number of the run."""
        for run in range(WARM_UP):
            self._time(action, run)
        before = self._touched()
        times = [self._time(action, WARM_UP + run) for run in range(runs)]
        return Cost(name, Figure("time", name, "ms", times), (self._touched() - before) / runs)

    @staticmethod
    def _time(action: Callable[[int], object], run: int) -> float:
        # The driver forgets its prepared statements at each ROLLBACK; the engine commits, and keeps them.
        kept = mock.patch.object(PrepareManager, "clear", return_value=False)
        with kept, transaction.atomic():
            began = perf_counter()
            action(run)
            ended = perf_counter()
            transaction.set_rollback(True)
        return 1000 * (ended - began)

    def _touched(self) -> float:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), pg_stat_force_next_flush()")
            pid = cursor.fetchone()[0]
        found = self._watcher.execute(_TOUCHED, [pid]).fetchone()
        assert found is not None
        return float(found[0])
