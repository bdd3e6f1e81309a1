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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby, islice, pairwise
from typing import NamedTuple

from jobs.rules import misfires
from jobs.rules.codes import Absence
from jobs.rules.misfires import Hold, MisfirePolicy
from jobs.rules.slots import TICK, Slot, SlotKind, Trigger

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
) -> Plan:
    """Handle the slots in (after, horizon]. ``after`` is the last slot handled, or when the schedule began.

    The horizon is not before ``now``. ``holds``: what kept slots from running in time.
    """
    missed_before = policy.missed_before(now)
    upcoming = trigger.after(after)
    first = next(upcoming, None)
    if first is None:
        return Plan((), (), (), None, None)
    missed = first.at < missed_before
    upcoming = trigger.after(missed_before - TICK) if missed else chain((first,), upcoming)
    current, following = _take(upcoming, horizon)
    verdicts = [_one(slot, misfires.absence_of(slot)) for slot in current]
    if missed:
        newer_is_due = any(slot.kind is SlotKind.RUN and slot.at <= now for slot in current)
        verdicts = _missed(trigger, after, now, policy, holds, newer_is_due=newer_is_due) + verdicts
    return _collect(verdicts, following)


def _take(slots: Iterable[Slot], horizon: datetime) -> tuple[list[Slot], Slot | None]:
    """Slots up to the horizon and the first one left. Slots of one instant are never parted."""
    taken: list[Slot] = []
    for slot in slots:
        full = len(taken) >= MAX_SLOTS and slot.at != taken[-1].at
        if full or slot.at > horizon:
            return taken, slot
        taken.append(slot)
    return taken, None


def _missed(
    trigger: Trigger,
    after: datetime,
    now: datetime,
    policy: MisfirePolicy,
    holds: Sequence[Hold],
    *,
    newer_is_due: bool,
) -> list[_Verdict]:
    newest_first, older = _take(trigger.before(policy.missed_before(now) - TICK, after + TICK), now)
    judged = misfires.judge(newest_first, policy, now=now, newer_is_due=newer_is_due, holds=holds)
    verdicts = [_one(slot, reason) for slot, reason in judged][::-1]
    if older is None:
        return verdicts
    expired_until = min(max(after, policy.expired_before(now) - TICK), older.at)
    return [
        *_never_run(trigger, after, expired_until, Absence.CATCHUP_EXPIRED),
        *_left_out(trigger, expired_until, older.at, holds),
        *verdicts,
    ]


def _left_out(trigger: Trigger, after: datetime, until: datetime, holds: Sequence[Hold]) -> Iterator[_Verdict]:
    """Slots in (after, until], piece by piece: each piece has one reason, as holds begin and end between them."""
    edges = (edge - TICK for since, ended, _ in holds for edge in (since, ended) if edge is not None)
    cuts = sorted({edge for edge in edges if after < edge < until})
    for begin, end in pairwise([after, *cuts, until]):
        yield from _never_run(trigger, begin, end, misfires.left_out(end, holds))


def _never_run(trigger: Trigger, after: datetime, until: datetime, reason: Absence) -> Iterator[_Verdict]:
    """Slots in (after, until] that never run: one by one if they are few."""
    count = trigger.count(after, until)
    if count > FOLD_ABOVE:
        first, last = next(trigger.after(after)), next(trigger.before(until, after))
        yield _Verdict(first, last, count, reason)
        return
    for slot in islice(trigger.after(after), count):
        yield _one(slot, misfires.absence_of(slot) or reason)


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
