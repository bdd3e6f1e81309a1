"""What one run of something took."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of each run, and the 8 KiB buffers one run touched on average."""

    name: str
    times: Figure
    buffers: float
