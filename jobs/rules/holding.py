"""Times in which a schedule was held, and the reason that its slots of that time get if they do not run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.rules.codes import Absence
from jobs.rules.slots import TICK


@dataclass(frozen=True, slots=True)
class Hold:
    """[since, until), or still; the first of several that cover a slot gives the reason."""

    since: datetime
    until: datetime | None
    reason: Absence

    def covers(self, instant: datetime) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)


def reason_at(holds: Sequence[Hold], instant: datetime, otherwise: Absence) -> Absence:
    """Why a slot of that instant did not run."""
    return next((hold.reason for hold in holds if hold.covers(instant)), otherwise)


def cut(
    holds: Sequence[Hold], after: datetime, until: datetime, otherwise: Absence
) -> Iterator[tuple[datetime, datetime, Absence]]:
    """(after, until] in pieces of one reason each, in order."""
    ends = (end - TICK for hold in holds for end in (hold.since, hold.until) if end is not None)
    edges = sorted({edge for edge in ends if after < edge < until})
    for low, high in zip([after, *edges], [*edges, until], strict=True):
        if low < high:
            yield low, high, reason_at(holds, high, otherwise)
