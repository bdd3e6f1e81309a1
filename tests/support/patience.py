"""How long a test waits for what is to happen: the longer, the busier the machine is."""

from __future__ import annotations

import os
import time
from pathlib import Path

#: Seconds that one look counts at most: what is longer was a stall of the whole machine, in which nothing could happen.
LONGEST_LOOK = 1.0


def slowness() -> float:
    """How many times as long as on a machine of its own everything takes: processes that want each processor, at least 1.

    Those of now as well as the last minute's: a burst of work is felt before it is in the average.
    """
    average, _, _, now, _ = Path("/proc/loadavg").read_text().split()
    return max(1.0, max(float(average), int(now.partition("/")[0])) / (os.cpu_count() or 1))


class Patience:
    """Begins when it is made; so many seconds, and on a busy machine so much more that as much happens in them."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._looked_at = time.monotonic()

    @property
    def over(self) -> bool:
        """Asked at each look: what passed since the last one is taken off."""
        now = time.monotonic()
        self._left -= min(now - self._looked_at, LONGEST_LOOK) / slowness()
        self._looked_at = now
        return self._left < 0
