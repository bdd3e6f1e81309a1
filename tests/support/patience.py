"""How long a test waits for what is to happen: the longer, the busier the machine is."""

from __future__ import annotations

import os
import time


def slowness() -> float:
    """How many times as long as on a machine of its own everything takes: processes that want each processor, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Patience:
    """Begins when it is made; so many seconds, and on a busy machine so much more that as much happens in them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = time.monotonic()

    @property
    def over(self) -> bool:
        return time.monotonic() > self._began + self._seconds * slowness()
