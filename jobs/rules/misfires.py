"""Which missed slots still run: the same decision after an outage, a pause or a blackout.

A slot is missed once it is older than its grace; one that is late but within grace simply runs.
Missed slots inside the catch-up window run as the policy says, older ones never.

- ``skip``: none.
- ``last``: after any interruption the job has run for its newest due slot. So the newest missed one
  runs, unless a newer slot that is already due runs anyway.
- ``all``: every one. ``at_most``: the newest ``misfire_max`` ones.

One that is left out says what kept it from running in time, where that is known: the hold it fell into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from jobs.rules import holding
from jobs.rules.codes import Absence
from jobs.rules.holding import Hold
from jobs.rules.slots import Slot, SlotKind

_ABSENCES = {
    SlotKind.DST_GAP: Absence.DST_GAP,
    SlotKind.DST_FOLD: Absence.DST_FOLD,
    SlotKind.HOLIDAY: Absence.HOLIDAY,
}


class Misfire(StrEnum):
    """What becomes of missed slots."""

    SKIP = "skip"
    LAST = "last"
    ALL = "all"
    AT_MOST = "at_most"


@dataclass(frozen=True, slots=True, kw_only=True)
class MisfirePolicy:
    """A schedule's misfire fields. ``misfire_max`` counts for ``at_most`` only."""

    misfire: Misfire = Misfire.LAST
    misfire_max: int = 1
    misfire_grace: timedelta = timedelta(seconds=60)
    catch_up_window: timedelta = timedelta(days=1)

    def missed_before(self, now: datetime) -> datetime:
        """Slots earlier than this are missed."""
        return now - self.misfire_grace

    def expired_before(self, now: datetime) -> datetime:
        """Missed slots earlier than this never run."""
        return now - self.catch_up_window


def absence_of(slot: Slot) -> Absence | None:
    """Why a slot would not run even if it were on time."""
    return _ABSENCES.get(slot.kind)


def judge(
    newest_first: Iterable[Slot],
    policy: MisfirePolicy,
    *,
    now: datetime,
    newer_is_due: bool,
    holds: Sequence[Hold] = (),
    absent: Callable[[Slot], Absence | None] = absence_of,
) -> Iterator[tuple[Slot, Absence | None]]:
    """Every missed slot with why it does not run, or None if it does.

    ``newer_is_due``: a slot that is not missed, and not later than now, runs in the same plan.
    """
    budget = _budget(policy, newer_is_due=newer_is_due)
    for slot in newest_first:
        reason = absent(slot)
        if reason is None and slot.at < policy.expired_before(now):
            reason = Absence.CATCHUP_EXPIRED
        elif reason is None and budget == 0:
            reason = holding.reason_at(holds, slot.at, Absence.MISFIRE)
        elif reason is None and budget is not None:
            budget -= 1
        yield slot, reason


def _budget(policy: MisfirePolicy, *, newer_is_due: bool) -> int | None:
    """How many missed slots run; None is without limit."""
    if policy.misfire is Misfire.LAST:
        return 0 if newer_is_due else 1
    return {Misfire.SKIP: 0, Misfire.AT_MOST: policy.misfire_max, Misfire.ALL: None}[policy.misfire]
