"""What a schedule's author may not have meant, said before it fires. Pure: every caution is worked out from values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Any

from jobs.previews.clocks import ClockChange
from jobs.rules.slots import Slot, Trigger
from jobs.sentences import days, limits, listing, walls_of
from jobs.triggers.wall_times import Named

#: Steps below this are told of.
SHORT = timedelta(seconds=10)


class Caution(StrEnum):
    """Codes of warnings."""

    NEVER_FIRES = "NEVER_FIRES"
    PAST_END = "PAST_END"
    EITHER_DAY = "EITHER_DAY"
    SHORT_INTERVAL = "SHORT_INTERVAL"
    FIRES_OFTENER_THAN_IT_TAKES = "FIRES_OFTENER_THAN_IT_TAKES"
    CROWD = "CROWD"
    SKIPPED_MONTHS = "SKIPPED_MONTHS"
    FEBRUARY_29 = "FEBRUARY_29"
    DST_SKIPS = "DST_SKIPS"


@dataclass(frozen=True, slots=True)
class Warning:
    """``message`` is a sentence that says what to do."""

    code: Caution
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is to judge by. ``runs`` are the next slots that run, at least two where there are two."""

    fields: Mapping[str, Any]
    trigger: Trigger
    runs: Sequence[Slot]
    changes: Sequence[ClockChange]
    now: datetime
    overlap: str = ""
    usual_seconds: float | None = None


def of_rule(seen: Seen) -> list[Warning]:
    """What its fields, its slots and its job's history say; the gravest first."""
    return [Warning(code, message) for code, judge in _JUDGES.items() for message in judge(seen)]


def crowd(others: int, at: str, better: tuple[str, int] | None) -> Warning:
    """``others`` schedules have their next run in the same minute."""
    many = f"{others:,} other schedules have their next run" if others > 1 else "another schedule has its next run"
    fewer = f"{better[1]:,}" if better and better[1] else "none"
    advice = f"try {better[0]}, which has {fewer}" if better else "a job's max_running keeps it from all workers"
    return Warning(Caution.CROWD, f"{many} at {at} too: {advice}.")


def _never(seen: Seen) -> Iterator[str]:
    if not seen.runs and seen.fields["kind"] != "event" and not any(_past(seen)):
        yield "It has no run after this instant: name a later end, or another rule."


def _past(seen: Seen) -> Iterator[str]:
    end, at = seen.fields.get("end_at"), seen.fields.get("run_at")
    if end is not None and end <= seen.now:
        yield "Its end lies in the past, so it never runs again: name a later end_at, or none."
    elif at is not None and at <= seen.now:
        yield "Its instant lies in the past, so it does not run: name a later run_at."


def _either_day(seen: Seen) -> Iterator[str]:
    named = _named(seen)
    if named is None:
        return
    rule = named.days
    if (of_month := days.by_date(rule)) and (of_week := days.by_weekday(rule)):
        yield (
            f"Day of month and day of week are both given: it runs {of_month}, and also on {of_week}, "
            "whichever matches. For days that match both, have the job look at the date."
        )


def _short(seen: Seen) -> Iterator[str]:
    step = _step(seen)
    if step is not None and step < SHORT:
        many = timedelta(days=1) // step
        yield (
            f"It runs every {limits.length(step.total_seconds())}, which makes about {many:,} executions a day: a longer step, or a "
            "service of its own, may do."
        )


_PILES_UP = {
    "allow": "its runs pile up",
    "skip": "slots are skipped",
    "queue_one": "slots are skipped while one waits",
    "queue_all": "a line of waiting runs grows without end",
    "cancel_previous": "runs are cancelled before they end",
}


def _too_often(seen: Seen) -> Iterator[str]:
    step, usual = _step(seen), seen.usual_seconds
    if step is None or usual is None or usual <= step.total_seconds():
        return
    yield (
        f"Half of this job's last runs took {limits.length(usual)} or longer, and it runs every "
        f"{limits.length(step.total_seconds())}: {_PILES_UP.get(seen.overlap, 'its runs overlap')}. Let it run less often."
    )


def _skipped_months(seen: Seen) -> Iterator[str]:
    if (number := _month_day_of_rrule(seen)) is not None and number > 28:
        yield f"Months without a {listing.ordinal(number)} are left out; BYMONTHDAY=-1 is the last day of each."
    named = _named(seen)
    if named is None:
        return
    rule = named.days
    first = min(rule.month_days or (0,))
    if rule.month_days and not rule.last_day and rule.weekdays is None:
        without = [month for month in named.months if max(_lengths(month)) < first]
        if without:
            told = listing.joined([days.MONTHS[month - 1] for month in without])
            has = "has" if len(without) == 1 else "have"
            yield f"{told} {has} no {listing.ordinal(first)}, so it does not run then; L is the last day of each month."
    if rule.nth_weekdays and {number for _, number in rule.nth_weekdays} == {5}:
        yield "Months without a fifth such weekday are left out; L before a weekday is the last one of each month."


def _february_29(seen: Seen) -> Iterator[str]:
    named = _named(seen)
    if named is None:
        return
    rule = named.days
    if (
        rule.month_days
        and min(rule.month_days) == 29
        and 2 in named.months
        and not rule.last_day
        and rule.weekdays is None
    ):
        others = " there" if named.months != (2,) else ""
        yield f"February has a 29th in leap years alone, so it does not run{others} in others; L is the last day of each month."


def _left_out(seen: Seen) -> Iterator[str]:
    for change in seen.changes:
        if change.leaves_out:
            yield (
                f"On {change.at:%Y-%m-%d} clocks go forward, and {change.effect}: dst_gap run_after_gap runs it right after instead."
            )
            return


def _named(seen: Seen) -> Named | None:
    walls = walls_of(seen.trigger)
    return walls.named if walls else None


def _lengths(month: int) -> tuple[int, ...]:
    if month == 2:
        return (28, 29)
    return (30,) if month in {4, 6, 9, 11} else (31,)


def _month_day_of_rrule(seen: Seen) -> int | None:
    """The first day of the month a recurrence rule goes by, if nothing else says the day."""
    rrule = str(seen.fields.get("rrule") or "").upper()
    if seen.fields["kind"] != "rrule" or not re.search(r"FREQ=(MONTHLY|YEARLY)", rrule) or "BYDAY" in rrule:
        return None
    match = re.search(r"BYMONTHDAY=([\d,]+)(;|$)", rrule)
    return min(int(day) for day in match[1].split(",") if day) if match else None


def _step(seen: Seen) -> timedelta | None:
    """The usual time from one run to the next."""
    steps = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(seen.runs)]
    return timedelta(seconds=median(steps)) if steps else None


_JUDGES: Mapping[Caution, Callable[[Seen], Iterator[str]]] = {
    Caution.NEVER_FIRES: _never,
    Caution.PAST_END: _past,
    Caution.EITHER_DAY: _either_day,
    Caution.FIRES_OFTENER_THAN_IT_TAKES: _too_often,
    Caution.SHORT_INTERVAL: _short,
    Caution.SKIPPED_MONTHS: _skipped_months,
    Caution.FEBRUARY_29: _february_29,
    Caution.DST_SKIPS: _left_out,
}
