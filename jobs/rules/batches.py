"""Which executions travel in one message.

A message costs more than a short run, so runs known to be short share one: its members are claimed by
one statement, run one after the other, and are ended together. What is bounded is the time a message
holds a process, so that whoever comes next does not wait long, and nobody is made to wait by a job
whose length is not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

#: A job is quick if 95 of 100 of its runs took less, in seconds.
QUICK = 0.05
#: What one message may hold, in seconds by its jobs' history.
LONGEST = 0.02
#: Without so many runs to judge by, a job is not known to be quick.
LEAST_SAMPLES = 3
#: What any run costs besides its handler, in seconds.
OVERHEAD = 0.0005

R = TypeVar("R")


def pace(*, longest: float, usual: float) -> float | None:
    """Seconds a run of a job will take, if its history says that it is quick: what 95 of 100 took at most, and half of them."""
    return usual if longest < QUICK else None


def grouped(rows: Sequence[R], *, expected: Callable[[R], float | None], slots: int, most: int) -> list[list[R]]:
    """``rows`` as messages, in the order of each one's first member.

    Two may share one however long they take: alone a run takes several times as long as in company, so
    whoever was measured alone on a busy machine would never be seen to be quick.
    ``expected`` says how long a row will run, None if that is not known or it must travel alone;
    ``slots``: how many processes wait for messages, each gets two at least before any gets more in one.
    """
    lengths = {at: length for at, row in enumerate(rows) if (length := expected(row)) is not None and length < QUICK}
    size = min(most, math.ceil(len(lengths) / (2 * slots))) if slots else 1
    messages: list[list[R]] = []
    open_message: list[R] | None = None
    seconds = 0.0
    for at, row in enumerate(rows):
        if at not in lengths or size < 2:
            messages.append([row])
            continue
        cost = lengths[at] + OVERHEAD
        full = open_message is not None and len(open_message) >= 2 and seconds + cost > LONGEST
        if open_message is None or len(open_message) >= size or full:
            open_message, seconds = [], 0.0
            messages.append(open_message)
        open_message.append(row)
        seconds += cost
    return messages
