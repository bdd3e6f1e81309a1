"""What becomes of a schedule's slots up to a horizon: run, skipped with a reason, or folded.

          missed (policy)              late, within grace     soon        later
    ──(after──────────────────)[now - grace────────────now]──────horizon](next──
                                        run                   run ahead

Every slot in (after, horizon] is in exactly one of ``runs``, ``skipped`` and ``folded``. More than ten
slots skipped in a row for one reason become one fold. Missed slots are made backwards, the newest
1,000 of them; what is older is never made, only counted (exactly), and cannot run whatever the policy:
it is expired if beyond the catch-up window, else left out by the policy, clock-change slots included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby, islice
from typing import NamedTuple

from jobs.rules import holding, misfires
from jobs.rules.codes import Absence
from jobs.rules.holding import Hold
from jobs.rules.misfires import MisfirePolicy
from jobs.rules.slots import TICK, Slot, Trigger

#: At most so many missed slots are made, and at most so many others handled in one plan.
MAX_SLOTS = 1000
#: More slots than this skipped in a row for one reason are folded.
FOLD_ABOVE = 10


@dataclass(frozen=True, slots=True)
class Folded:
    """``count`` slots in a row that did not run, from ``first`` to ``last``, for one reason."""

    first: Slot
    last: Slot
    count: int
    reason: Absence


@dataclass(frozen=True, slots=True)
class Plan:
    """Each part ascending. ``next`` is the first slot not handled, None once the schedule has ended.

    ``next`` lies after the horizon, unless the plan was full: then it is due at once, so planning
    again from ``last_at`` goes on. ``last_at`` is the newest slot handled, None if there was none.
    """

    runs: tuple[Slot, ...]
    skipped: tuple[tuple[Slot, Absence], ...]
    folded: tuple[Folded, ...]
    next: Slot | None
    last_at: datetime | None


class _Verdict(NamedTuple):
    """``size`` slots in a row with one fate: ``reason``, or None for a run. Slots are judged one by one,
    unless they are so many that they were only counted."""

    first: Slot
    last: Slot
    size: int
    reason: Absence | None


def plan(
    trigger: Trigger,
    *,
    after: datetime,
    now: datetime,
    horizon: datetime,
    policy: MisfirePolicy,
    holds: Sequence[Hold] = (),
    absent: Callable[[Slot], Absence | None] = misfires.absence_of,
    rest: int | None = None,
) -> Plan:
    """Handle the slots in (after, horizon]. ``after`` is the last slot handled, or when the schedule began.

    The horizon is not before ``now``. ``holds`` say why a missed slot did not run; ``absent`` why one would not run even
    if it were on time. With the last of ``rest`` runs the schedule ends: what comes after it is not handled.
    """
    missed_before = policy.missed_before(now)
    upcoming = trigger.after(after)
    first = next(upcoming, None)
    if first is None:
        return Plan((), (), (), None, None)
    missed = first.at < missed_before
    upcoming = trigger.after(missed_before - TICK) if missed else chain((first,), upcoming)
    current, following = _take(upcoming, horizon)
    verdicts = [_one(slot, absent(slot)) for slot in current]
    if missed:
        newer_is_due = any(verdict.reason is None and verdict.first.at <= now for verdict in verdicts)
        judge = _Judge(trigger, after, now, policy, holds, absent)
        verdicts = judge.missed(newer_is_due=newer_is_due) + verdicts
    return _collect(*_within(rest, verdicts, following))


def _within(rest: int | None, verdicts: list[_Verdict], following: Slot | None) -> tuple[list[_Verdict], Slot | None]:
    """Up to the last run there may be."""
    if rest is None:
        return verdicts, following
    runs = [place for place, verdict in enumerate(verdicts) if verdict.reason is None]
    return (verdicts, following) if len(runs) < rest else (verdicts[: runs[rest - 1] + 1] if rest else [], None)


def _take(slots: Iterable[Slot], horizon: datetime) -> tuple[list[Slot], Slot | None]:
    """Slots up to the horizon and the first one left. Slots of one instant are never parted."""
    taken: list[Slot] = []
    for slot in slots:
        full = len(taken) >= MAX_SLOTS and slot.at != taken[-1].at
        if full or slot.at > horizon:
            return taken, slot
        taken.append(slot)
    return taken, None


class _Judge(NamedTuple):
    """What is asked about missed slots."""

    trigger: Trigger
    after: datetime
    now: datetime
    policy: MisfirePolicy
    holds: Sequence[Hold]
    absent: Callable[[Slot], Absence | None]

    def missed(self, *, newer_is_due: bool) -> list[_Verdict]:
        first = self.after + TICK
        newest_first, older = _take(self.trigger.before(self.policy.missed_before(self.now) - TICK, first), self.now)
        judged = misfires.judge(
            newest_first, self.policy, now=self.now, newer_is_due=newer_is_due, holds=self.holds, absent=self.absent
        )
        verdicts = [_one(slot, reason) for slot, reason in judged][::-1]
        if older is None:
            return verdicts
        expired_until = min(max(self.after, self.policy.expired_before(self.now) - TICK), older.at)
        expired = self._never_run(self.after, expired_until, Absence.CATCHUP_EXPIRED)
        pieces = holding.cut(self.holds, expired_until, older.at, Absence.MISFIRE)
        late = chain.from_iterable(self._never_run(*piece) for piece in pieces)
        return [*expired, *late, *verdicts]

    def _never_run(self, after: datetime, until: datetime, reason: Absence) -> Iterator[_Verdict]:
        """Slots in (after, until] that never run: one by one if they are few."""
        count = self.trigger.count(after, until)
        if count > FOLD_ABOVE:
            first, last = next(self.trigger.after(after)), next(self.trigger.before(until, after))
            yield _Verdict(first, last, count, reason)
            return
        for slot in islice(self.trigger.after(after), count):
            yield _one(slot, self.absent(slot) or reason)


def _one(slot: Slot, reason: Absence | None) -> _Verdict:
    return _Verdict(slot, slot, 1, reason)


def _collect(verdicts: Sequence[_Verdict], following: Slot | None) -> Plan:
    runs: list[Slot] = []
    skipped: list[tuple[Slot, Absence]] = []
    folded: list[Folded] = []
    for reason, group in groupby(verdicts, key=lambda verdict: verdict.reason):
        row = list(group)
        count = sum(verdict.size for verdict in row)
        if reason is None:
            runs += [verdict.first for verdict in row]
        elif count > FOLD_ABOVE:
            folded.append(Folded(row[0].first, row[-1].last, count, reason))
        else:
            skipped += [(verdict.first, reason) for verdict in row]
    last_at = verdicts[-1].last.at if verdicts else None
    return Plan(tuple(runs), tuple(skipped), tuple(folded), following, last_at)
