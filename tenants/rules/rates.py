"""How often something may start: ``100/m``, as a bucket of tokens.

The bucket holds at most ``burst`` tokens, begins full and is filled steadily at the rate; a start takes
one. So over any length of time at most ``burst`` + rate x time start. Between two starts nothing is
written: what a bucket holds follows from when it was last drawn from, so nothing drifts. PostgreSQL
does the same sum under the admission lock (``carillon_tokens``).
"""

from __future__ import annotations

from dataclasses import dataclass

#: What a rate looks like: a whole number, and per second, minute, hour or day.
PATTERN = r"\A[1-9][0-9]{0,5}/[smhd]\Z"
MESSAGE = "must be a number of starts per s, m, h or d, such as 100/m"
MOST = 1_000_000
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Bucket:
    """``per_second`` tokens flow in; no more than ``burst`` stay."""

    per_second: float
    burst: int

    def holds(self, left: float | None, seconds: float) -> float:
        """Tokens in it ``seconds`` after ``left`` were left; None is a bucket never drawn from."""
        return self.burst if left is None else min(self.burst, left + max(seconds, 0) * self.per_second)

    def seconds_until_one(self, tokens: float) -> float:
        """How long until it holds a whole token."""
        return max(1 - tokens, 0) / self.per_second


def bucket(rate_limit: str, burst: int | None) -> Bucket:
    """The bucket of a rate; without a ``burst`` it holds as many as come in one unit of time."""
    count, _, unit = rate_limit.partition("/")
    return Bucket(int(count) / _SECONDS[unit], int(count) if burst is None else burst)
