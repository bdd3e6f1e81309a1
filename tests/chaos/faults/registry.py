"""What a fault is: a generator that does it, yields while it lasts, and undoes it.

    @registry.fault("stop engine")
    def stop_engine(stand, chance):
        member.send(SIGSTOP)
        yield "engine 4711"
        member.send(SIGCONT)

What is yielded is said in the report. One that cannot be done just now (nobody is up to be killed) ends
without having yielded, and is not counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.chaos.stand import Stand

Inject = Callable[[Stand, random.Random], Iterator[str]]

KINDS: dict[str, Inject] = {}


def fault(kind: str) -> Callable[[Inject], Inject]:
    """Register one under its name."""

    def register(inject: Inject) -> Inject:
        KINDS[kind] = inject
        return inject

    return register
