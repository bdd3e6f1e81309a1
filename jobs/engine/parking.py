"""Wakes what is parked under a cap that has room again.

    each admission round     caps of the jobs that events told of since the round before
    watchdog, every sweep    all caps, a page at a time

A round costs what ended since the last one, however much is parked. What it cannot know of, such as rounds
that this engine slept through, waits for the sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from jobs import sql

#: Caps looked at in one transaction.
PAGE = 500
#: An engine that has not admitted for so long does not read up on it: a sweep has been there meanwhile.
STALE_AFTER = 10.0


@dataclass(slots=True)
class Heard:
    """Up to which transaction one engine's rounds have heard of what ended."""

    _horizon: str | None = None
    _at: float = 0.0

    def wake(self) -> str:
        """Wake what the events since the last round free; an engine's first round looks at a page of all caps.

        Returns the new horizon, to be kept once the round has committed.
        """
        known = self._horizon if monotonic() - self._at < STALE_AFTER else None
        page = 0 if known else PAGE
        return str(sql.run("wake_parked", horizon=known, after="", page=page)[0].horizon)

    def keep(self, horizon: str) -> None:
        """The round has committed."""
        self._horizon, self._at = horizon, monotonic()


def wake_all() -> int:
    """Look at every cap somebody is parked under. Returns how many were woken."""
    woken = 0
    after: str | None = ""
    while after is not None:
        page = sql.run("wake_parked", horizon=None, after=after, page=PAGE)[0]
        woken, after = woken + page.woken, page.last
    return woken
