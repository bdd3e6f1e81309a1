"""A Redis of a test's own, for the rate limits: to be killed, stopped in its tracks, and brought back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import redis
from django.test import override_settings

from scheduler_project.local import leash, throwaway
from scheduler_project.local.valkey import Valkey
from tenants import buckets
from tests.support.stack import wait_for


class OwnRedis:
    """What the limits count in while the block lasts."""

    def __init__(self, server: Valkey) -> None:
        self._server = server
        self.client = redis.Redis.from_url(server.url())

    def keys(self) -> list[bytes]:
        """Every key there is."""
        found: list[bytes] = self.client.keys("*")
        return found

    def kill(self) -> None:
        """As a crash does."""
        self._signal(signal.SIGKILL)
        wait_for(lambda: not self._server.alive(), 60, "Redis is dead")

    def start(self) -> None:
        """Again, and empty."""
        self._server.start()

    def hang(self) -> None:
        """It still takes connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After :meth:`hang`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in leash.inhabitants(self._server.data):
            os.kill(pid, number)


@contextlib.contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """Empty, and nobody else's."""
    with throwaway.valkey() as server, override_settings(REDIS_URL=server.url()):
        own = OwnRedis(server)
        before = buckets.breaker, buckets.patient_breaker
        buckets.breaker, buckets.patient_breaker = buckets.Breaker(), buckets.Breaker()
        try:
            yield own
        finally:
            own.go_on()
            own.client.close()
            for seconds in (buckets.TIMEOUT, buckets.PATIENCE):
                buckets._script(server.url(), seconds).registered_client.close()
            buckets.breaker, buckets.patient_breaker = before
