"""Hours of the week in which the runs of a schedule may start. Pure: a zone comes as its stretches of one offset.

    {"hours": [{"days": ["mon-fri"], "from": "22:00", "until": "05:00"}], "outside": "wait"}

A span belongs to the day on which it begins; one that ends at or before its beginning goes on into the next day.
It is open while a clock on the wall says so: hours that a clock change removes are not open that day, and hours that
come twice are open twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_SPANS = 28
_DAY = 24 * 60
_WEEK = 7 * _DAY
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
#: What is open for so long without a break is taken as never closing.
LOOK = timedelta(weeks=5)


class Outside(StrEnum):
    """What becomes of a slot outside of the hours."""

    WAIT = "wait"  # it runs when they begin
    SKIP = "skip"


class InvalidHours(ValueError):
    """Hours that cannot be read. ``field`` is the place in them, ``message`` says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class Stretch(Protocol):
    """[start, end) in UTC in which a zone has one offset; :class:`jobs.triggers.zones.Segment` is one."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def offset(self) -> timedelta: ...
    def instant(self, wall: datetime) -> datetime: ...
    def wall(self, instant: datetime) -> datetime: ...


#: The stretch of an instant and all later ones.
Stretches = Callable[[datetime], Iterator[Stretch]]


@dataclass(frozen=True, slots=True)
class Hours:
    """``spans``: minutes of the week from Monday 00:00, [from, until), in order and apart from each other."""

    spans: tuple[tuple[int, int], ...]
    outside: Outside = Outside.WAIT


@dataclass(frozen=True, slots=True)
class Opening:
    """[opens_at, closes_at): ``closes_at`` is None where no end is in sight."""

    opens_at: datetime
    closes_at: datetime | None


def parse(value: object) -> Hours:
    """Hours as a client says them. Raises :class:`InvalidHours`."""
    said = _fields("", value, {"hours", "outside"})
    outside = said.get("outside", Outside.WAIT)
    if outside not in list(Outside):
        raise InvalidHours("outside", f"must be one of {', '.join(Outside)}")
    hours = said.get("hours")
    if not isinstance(hours, list) or not hours:
        raise InvalidHours("hours", 'must be a list such as [{"days": ["mon-fri"], "from": "22:00", "until": "05:00"}]')
    if len(hours) > MOST_SPANS:
        raise InvalidHours("hours", f"has {len(hours)} entries; {MOST_SPANS} are the most")
    spans = [span for place, entry in enumerate(hours) for span in _spans(f"hours[{place}]", entry)]
    return Hours(tuple(_merged(spans)), Outside(outside))


def openings(hours: Hours, since: datetime, stretches: Stretches, *, until: datetime) -> Iterator[Opening]:
    """When they are open from ``since`` on; what is open at ``until`` and longer than :data:`LOOK` has no end."""
    begun: datetime | None = None
    ended = since
    for opens_at, closes_at in _pieces(hours, since, stretches, until + LOOK):
        if begun is not None and opens_at > ended:
            yield Opening(begun, ended)
            begun = None
        begun, ended = begun or opens_at, closes_at
    if begun is not None:
        yield Opening(begun, None if ended >= until + LOOK else ended)


def opening(hours: Hours, instant: datetime, stretches: Stretches) -> Opening | None:
    """The one that is open at an instant (which it then begins with), else the next; None if none is in sight."""
    return next(openings(hours, instant, stretches, until=instant), None)


def _pieces(
    hours: Hours, since: datetime, stretches: Stretches, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Open time in order, cut where clocks change and weeks begin."""
    for stretch in stretches(since):
        low, high = max(stretch.start, since), min(stretch.end, until)
        if low >= until:
            return
        first = stretch.wall(low)
        week = (first - timedelta(days=first.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
        while (monday := stretch.instant(week)) < high:
            for begin, end in hours.spans:
                opens_at = max(monday + timedelta(minutes=begin), low)
                closes_at = min(monday + timedelta(minutes=end), high)
                if opens_at < closes_at:
                    yield opens_at, closes_at
            week += timedelta(days=7)


def _fields(field: str, value: object, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidHours(field, f"must be an object with {', '.join(sorted(known))}")
    for name in value:
        if name not in known:
            path = f"{field}.{name}" if field else str(name)
            raise InvalidHours(path, f"unknown field; known are {', '.join(sorted(known))}")
    return value


def _spans(field: str, entry: object) -> Iterator[tuple[int, int]]:
    said = _fields(field, entry, {"days", "from", "until"})
    begin, end = _minute(f"{field}.from", said.get("from")), _minute(f"{field}.until", said.get("until"), last=True)
    if begin == end:
        raise InvalidHours(f"{field}.until", "is the same as from; a whole day is from 00:00 until 24:00")
    length = end - begin if end > begin else end - begin + _DAY
    for day in sorted(_days(f"{field}.days", said.get("days", ["mon-sun"]))):
        yield day * _DAY + begin, day * _DAY + begin + length


def _minute(field: str, text: object, *, last: bool = False) -> int:
    if last and text == "24:00":
        return _DAY
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidHours(field, f"must be a time such as {'05:00, at most 24:00' if last else '22:00'}")
    return int(found[1]) * 60 + int(found[2])


def _days(field: str, value: object) -> set[int]:
    if not isinstance(value, list) or not value or len(value) > len(DAYS):
        raise InvalidHours(field, 'must be a list of one to seven days or ranges, such as ["mon-fri", "sun"]')
    return {day for place, text in enumerate(value) for day in _range(f"{field}[{place}]", text)}


def _range(field: str, text: object) -> Iterator[int]:
    first, _, last = text.partition("-") if isinstance(text, str) else ("", "", "")
    if first not in DAYS or (last or first) not in DAYS or text == f"{first}-":
        raise InvalidHours(field, f"must be one of {', '.join(DAYS)}, or a range of them such as fri-mon")
    begin = DAYS.index(first)
    for step in range((DAYS.index(last or first) - begin) % 7 + 1):
        yield (begin + step) % 7


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """In order and apart; what goes on over Sunday midnight is cut there."""
    cut = sorted(
        part
        for begin, end in spans
        for part in ([(begin, end)] if end <= _WEEK else [(begin, _WEEK), (0, end - _WEEK)])
    )
    begun, ended = cut[0]
    for begin, end in cut[1:]:
        if begin > ended:
            yield begun, ended
            begun, ended = begin, end
        ended = max(ended, end)
    yield begun, ended
