"""The thread beside a session: ends it from outside at the deadline, at a cancel, and when one row is too large."""

from __future__ import annotations

import threading
import time
from typing import Literal

from jobs.handlers import Context
from tasks.databases.contract import MOST_ROW_BYTES, Driver
from tasks.databases.traffic import BATCH_BYTES

LOOK_EVERY = 0.02
#: While a row is coming that may become too large: on a fast network it grows by a megabyte each millisecond.
LOOK_OFTEN = 0.005
#: From the word to the server to the end of waiting for its answer.
GRACE_SECONDS = 0.5

Reason = Literal["cancelled", "time", "size"]


class Watch(threading.Thread):
    """Watches over one session."""

    def __init__(self, driver: Driver, context: Context, timeout: float | None) -> None:
        super().__init__(name="carillon-database-watch", daemon=True)
        self._driver = driver
        self._context = context
        self._until = float("inf") if timeout is None else time.monotonic() + timeout
        self._over = threading.Event()
        self.reason: Reason | None = None

    def end(self) -> None:
        """There is nothing to watch any more; returns when the thread touches nothing of the session's."""
        self._over.set()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        while not self._over.wait(LOOK_OFTEN if self._driver.pending() > BATCH_BYTES else LOOK_EVERY):
            self.reason = self._look()
            if self.reason is not None:
                self._driver.stop()
                while not self._over.wait(GRACE_SECONDS):
                    self._driver.cut()
                return

    def _look(self) -> Reason | None:
        if self._context.cancelled:
            return "cancelled"
        if time.monotonic() >= self._until or self._context.remaining() <= 0:
            return "time"
        return "size" if self._driver.pending() > MOST_ROW_BYTES else None
