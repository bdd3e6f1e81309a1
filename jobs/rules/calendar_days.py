"""The days of a calendar: single ones, and such as come every year. Pure.

    entries   [{"date": "2026-12-24", "until": "2026-12-31", "note": "Works holiday", "yearly": true}, …]
    days      {"fixed": {"2026-10-03": "Tag der Deutschen Einheit"}, "yearly": {"12-24": [2026, "Works holiday"]}}

Entries are what people write and what is shown to them; days are what is looked up, with all that is inherited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

#: No day of a calendar lies beyond these, as no slot of a schedule does.
FIRST, LAST = date(1970, 1, 1), date(2199, 12, 31)
#: Most of one calendar, and most days one entry reaches over.
MOST_ENTRIES = 1000
MOST_DAYS_OF_ENTRY = 366
#: Most of one calendar with all that it inherits.
MOST_DAYS = 10_000
LONGEST_NOTE = 200
_DAY = timedelta(days=1)


class InvalidDays(ValueError):
    """Days that cannot be. ``field`` is where, such as ``dates[3].until``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Entry:
    """A day, or all up to ``until``; ``yearly``: from that year on in each."""

    start: date
    until: date | None = None
    note: str = ""
    yearly: bool = False

    def days(self) -> Iterator[date]:
        """Each day of it."""
        for number in range(((self.until or self.start) - self.start).days + 1):
            yield self.start + number * _DAY

    def told(self) -> dict[str, Any]:
        """As people write it."""
        until = self.until.isoformat() if self.until else None
        return {"date": self.start.isoformat(), "until": until, "note": self.note, "yearly": self.yearly}


class Yearly(NamedTuple):
    """A day of every year from one on."""

    since: int
    note: str


@dataclass(frozen=True, slots=True)
class Days:
    """``day in days`` and what is said of it. ``yearly`` goes by (month, day)."""

    fixed: Mapping[date, str] = field(default_factory=dict)
    yearly: Mapping[tuple[int, int], Yearly] = field(default_factory=dict)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and (day in self.fixed or self._yearly(day) is not None)

    def __len__(self) -> int:
        return len(self.fixed) + len(self.yearly)

    def note(self, day: date) -> str:
        """What is said of a day; empty if nothing, or if it is none of these."""
        again = self._yearly(day)
        return self.fixed.get(day) or (again.note if again else "")

    def between(self, first: date, last: date) -> list[tuple[date, str]]:
        """Days from ``first`` to ``last``, both included, in order, with their notes."""
        found = {day for day in self.fixed if first <= day <= last}
        for (month, number), again in self.yearly.items():
            years = range(max(first.year, again.since), last.year + 1)
            found.update(day for year in years if (day := _date(year, month, number)) and first <= day <= last)
        return [(day, self.note(day)) for day in sorted(found)]

    def _yearly(self, day: date) -> Yearly | None:
        again = self.yearly.get((day.month, day.day))
        return again if again is not None and again.since <= day.year else None

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "fixed": {day.isoformat(): self.fixed[day] for day in sorted(self.fixed)},
            "yearly": {f"{month:02}-{day:02}": [*self.yearly[month, day]] for month, day in sorted(self.yearly)},
        }


def parse(given: Any, path: str = "dates") -> list[Entry]:
    """Entries as people write them, or :class:`InvalidDays`."""
    if not isinstance(given, list):
        raise InvalidDays(path, 'must be a list of {"date": "2026-12-24", "note": "…"}')
    if len(given) > MOST_ENTRIES:
        raise InvalidDays(path, f"are at most {MOST_ENTRIES} in one calendar, and these are {len(given)}")
    return [_entry(each, f"{path}[{index}]") for index, each in enumerate(given)]


def refuse_too_many(entries: Iterable[Entry], path: str) -> None:
    """Before days are made of them: no more than a calendar may have, those counted twice that two of them name."""
    days = sum((entry.until - entry.start).days + 1 if entry.until else 1 for entry in entries)
    if days > MOST_DAYS:
        raise InvalidDays(path, f"a calendar has at most {MOST_DAYS} days, and these are {days}")


def of_entries(entries: Iterable[Entry]) -> Days:
    """Their days; of two that name the same day the first is heard."""
    fixed: dict[date, str] = {}
    yearly: dict[tuple[int, int], Yearly] = {}
    for entry in entries:
        for day in entry.days():
            if entry.yearly:
                key = (day.month, day.day)
                yearly[key] = _earlier(yearly.get(key), Yearly(day.year, entry.note))
            else:
                fixed.setdefault(day, entry.note)
    return Days(fixed, yearly)


def united(parts: Iterable[Days]) -> Days:
    """The days of all; the first that says something of a day is heard."""
    fixed: dict[date, str] = {}
    yearly: dict[tuple[int, int], Yearly] = {}
    for part in parts:
        for day, note in part.fixed.items():
            fixed[day] = fixed.get(day) or note
        for key, again in part.yearly.items():
            yearly[key] = _earlier(yearly.get(key), again)
    return Days(fixed, yearly)


def read(stored: Mapping[str, Any]) -> Days:
    """Days that were stored."""
    yearly = {
        (int(key[:2]), int(key[3:])): Yearly(int(since), str(note))
        for key, (since, note) in stored.get("yearly", {}).items()
    }
    return Days({date.fromisoformat(day): note for day, note in stored.get("fixed", {}).items()}, yearly)


def compare(before: Iterable[Entry], after: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """(added, removed): an entry that is only called otherwise now is in both."""
    old, new = list(before), list(after)
    known, wanted = set(old), set(new)
    return [entry for entry in new if entry not in known], [entry for entry in old if entry not in wanted]


def _earlier(known: Yearly | None, other: Yearly) -> Yearly:
    if known is None:
        return other
    return Yearly(min(known.since, other.since), known.note or other.note)


def _entry(given: Any, path: str) -> Entry:
    if not isinstance(given, Mapping):
        raise InvalidDays(path, 'must be an object such as {"date": "2026-12-24", "note": "…"}')
    for name in given:
        if name not in ("date", "until", "note", "yearly"):
            raise InvalidDays(f"{path}.{str(name)[:50]}", "unknown field; known are date, until, note, yearly")
    start = _day(given.get("date"), f"{path}.date")
    until = None if given.get("until") is None else _day(given["until"], f"{path}.until")
    if until is not None and not timedelta() <= until - start < timedelta(days=MOST_DAYS_OF_ENTRY):
        raise InvalidDays(f"{path}.until", f"must be from 0 to {MOST_DAYS_OF_ENTRY - 1} days after {start}")
    yearly = given.get("yearly", False)
    if not isinstance(yearly, bool):
        raise InvalidDays(f"{path}.yearly", "must be true or false")
    return Entry(start, until if until != start else None, _note(given.get("note"), f"{path}.note"), yearly)


def _day(given: Any, path: str) -> date:
    try:
        found = date.fromisoformat(given) if isinstance(given, str) and len(given) == 10 else None
    except ValueError:
        found = None
    if found is None:
        raise InvalidDays(path, "must be a day such as 2026-12-24")
    return within(found, path)


def within(day: date, path: str) -> date:
    """The same, unless it lies where no schedule reaches."""
    if not FIRST <= day <= LAST:
        raise InvalidDays(path, f"must lie between {FIRST.year} and {LAST.year}")
    return day


def _note(given: Any, path: str) -> str:
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > LONGEST_NOTE or not given.isprintable():
        raise InvalidDays(path, f"must be text of one line, at most {LONGEST_NOTE} characters")
    return given.strip()


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None  # the 29th of February of most years
