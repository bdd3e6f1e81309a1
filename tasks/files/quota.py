"""How much a tenant may still write. Several attempts write at once, so each looks again what all have written."""

from __future__ import annotations

import time
from collections.abc import Callable

from tasks.files.contract import TooMuch

#: What one attempt writes between two looks at most.
LOOK_EVERY_BYTES = 64 * 1024 * 1024
#: At the end of a file it looks if so long has passed, and ten times what a look takes: there may be many files.
LOOK_EVERY_SECONDS = 1.0
_SHARE = 10


class Room:
    """A charge that refuses what is more than a tenant may have. ``used`` looks how much there is, unfinished too."""

    def __init__(self, limit: int, used: Callable[[], int]) -> None:
        self._limit, self._used = limit, used
        self._look()

    def __call__(self, more: int) -> None:
        """So many bytes are about to be written; 0 at the end of a file."""
        self._left -= more
        self._since += more
        if self._since >= LOOK_EVERY_BYTES or (more == 0 and time.monotonic() >= self._due):
            self._look()
            self._left -= more
        if self._left < 0:
            raise TooMuch(
                f"this tenant's files may have {self._limit} bytes together, and this would be more: delete some"
            )

    def _look(self) -> None:
        before = time.monotonic()
        self._left, self._since = self._limit - self._used(), 0
        now = time.monotonic()
        self._due = now + max(LOOK_EVERY_SECONDS, _SHARE * (now - before))
