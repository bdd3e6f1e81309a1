"""The days of a rule in words: ``every Monday through Friday``, ``on the 13th of the month, and also on every Friday``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from jobs.sentences import listing
from jobs.triggers.wall_times import DayRule

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def words(rule: DayRule) -> str:
    """Which days of a month match; empty where every day does."""
    of_month, of_week = by_date(rule), by_weekday(rule)
    if of_month and of_week:
        return f"{of_month}, and also on {of_week}"
    return of_month or of_week


def by_date(rule: DayRule) -> str:
    """What its day-of-month field says; empty if nothing."""
    if rule.nearest_weekday is not None:
        last = ", or its last day," if rule.nearest_weekday > 28 else ""
        return f"on the day from Monday to Friday nearest to the {listing.ordinal(rule.nearest_weekday)}{last} of the month"
    if rule.month_days is None:
        return ""
    named = (
        [listing.spans(sorted(rule.month_days), lambda day: f"the {listing.ordinal(day)}")] if rule.month_days else []
    )
    return f"on {listing.joined([*named, *(['the last day'] if rule.last_day else [])])} of the month"


def by_weekday(rule: DayRule) -> str:
    """What its day-of-week field says; empty if nothing."""
    if rule.nth_weekdays:
        return f"on {listing.joined([nth(n, WEEKDAYS[day]) for day, n in _in_order(rule.nth_weekdays)])} of the month"
    return f"every {of_week(rule.weekdays)}" if rule.weekdays is not None else ""


def of_week(weekdays: Collection[int]) -> str:
    """Weekdays counted from Sunday, 0; a week begins with Monday."""
    from_monday = sorted((day - 1) % 7 for day in weekdays)
    return listing.spans(from_monday, lambda day: WEEKDAYS[(day + 1) % 7])


def nth(number: int, what: str) -> str:
    """``the 2nd Tuesday``, ``the last Friday``; 0 and -1 are the last."""
    if number > 0:
        return f"the {listing.ordinal(number)} {what}"
    return f"the {listing.ordinal(-number)} {what} from the end" if number < -1 else f"the last {what}"


def months(values: Sequence[int]) -> str:
    """``only in January and June``; empty if all."""
    if len(values) == 12:
        return ""
    return f"only in {listing.spans(values, lambda month: MONTHS[month - 1])}"


def _in_order(nth_weekdays: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted(nth_weekdays, key=lambda pair: (pair[1] or 9, (pair[0] - 1) % 7))
