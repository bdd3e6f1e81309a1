"""Buckets of tokens in Redis: any number of processes draw from them, and together get no more than they hold.

One script takes from all buckets of a request in one round trip, by the server's clock. A key lives until its
bucket would be full again, so Redis holds only buckets that somebody has drawn from lately.

Redis that is away or hangs costs a request 50 ms, and then for a second nobody asks: :class:`Away` at once. Who would
rather wait than go uncounted is patient, for :data:`PATIENCE`, and is told by others like it alone that Redis is away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from tenants.rules.rates import Bucket

#: Beside Celery's queues and RedBeat's "redbeat:".
PREFIX = "carillon:limit:"
TIMEOUT = 0.05
PATIENCE = 2.0
PAUSE = 1.0
_SCRIPT = (Path(__file__).parent / "buckets.lua").read_text()
_MICROSECONDS = 1_000_000

log = structlog.get_logger(__name__)


class Away(Exception):
    """Redis does not answer, so nothing is known of any bucket."""


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket after a draw: whole tokens ``left``, seconds until it is full, and until it holds one (0: it did)."""

    left: int
    full_in: float
    wait: float


class Breaker:
    """After a failure everybody goes by for :data:`PAUSE`; then one asks, and the others go by until it has an answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._broken = False
        self._again_at = 0.0

    def lets_ask(self) -> bool:
        """Whether the caller may ask; then it must say how that went."""
        if not self._broken:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._again_at:
                return False
            self._again_at = now + PAUSE
            return True

    def failed(self) -> bool:
        """Whether this is news."""
        with self._lock:
            news, self._broken = not self._broken, True
            self._again_at = time.monotonic() + PAUSE
            return news

    def succeeded(self) -> bool:
        """Whether this is news."""
        if not self._broken:
            return False
        with self._lock:
            news, self._broken = self._broken, False
            return news


breaker = Breaker()
#: Redis that was once slow is not away for those who wait for it.
patient_breaker = Breaker()


def draw(buckets: Sequence[tuple[str, Bucket]], *, patient: bool = False, at: float | None = None) -> list[Level]:
    """One token from each bucket, by its name; if one has none, none is taken from any.

    ``at`` (seconds since 1970) stands in for the server's clock, for tests alone.

    Raises:
        Away: nothing was taken, or nobody knows.
    """
    asked, seconds = (patient_breaker, PATIENCE) if patient else (breaker, TIMEOUT)
    if not asked.lets_ask():
        raise Away
    flows = [value for _, bucket in buckets for value in (bucket.burst, repr(bucket.per_second / _MICROSECONDS))]
    now = "" if at is None else round(at * _MICROSECONDS)
    try:
        numbers = _script(settings.REDIS_URL, seconds)([PREFIX + name for name, _ in buckets], [now, *flows])
    except (redis.RedisError, OSError) as error:
        if asked.failed():
            log.warning("limits.away", error=type(error).__name__)
        raise Away from None
    if asked.succeeded():
        log.warning("limits.back")
    return [
        Level(left, full / _MICROSECONDS, wait / _MICROSECONDS)
        for left, full, wait in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    ]


@lru_cache(maxsize=4)
def _script(url: str, seconds: float) -> Any:
    # Connections are as many as threads draw at once, which the database's pool bounds; a fork makes its own.
    # Nothing is tried again, and no message of the server's may lengthen the time-out.
    client = redis.Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    return client.register_script(_SCRIPT)
