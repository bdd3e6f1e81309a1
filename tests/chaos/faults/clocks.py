"""Processes whose clock somebody has set. The database's clock stays right."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.chaos import clocks
from tests.chaos.faults.registry import fault
from tests.chaos.stand import Stand

JUMPS = (-86_400, -3_600, -60, 60, 3_600, 86_400)


def _jump(role: str) -> None:
    @fault(f"clock {role}")
    def jump(stand: Stand, chance: random.Random) -> Iterator[str]:
        if not stand.clocks.usable:
            return
        seconds = chance.choice(JUMPS)
        stand.clocks.set(role, seconds)
        try:
            yield f"{role} {seconds:+d} s"
        finally:
            stand.clocks.set(role, 0)


for _role in clocks.ROLES:
    _jump(_role)
