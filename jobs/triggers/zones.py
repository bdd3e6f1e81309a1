"""When a zone's clocks change: time cut into segments of one UTC offset each.

    … +01:00 … |T| … +02:00 …      jump = +1 h: wall times in [T+1 h, T+2 h) do not exist (gap)
    … +02:00 … |T| … +01:00 …      jump = -1 h: wall times in [T+1 h, T+2 h) exist twice (fold)

Walking segments in UTC order makes real time come out in order whatever the clocks do: inside a
segment a wall time and an instant differ by a constant. Segments are also cut at each new year (with
no jump), so that one cached year is all a look-up needs. The zone data's own list of changes is not
public in Python, so a year is sampled every four days and each change found by bisection, to the
second: exact unless a zone changes twice within four days; since 1970 the closest pair is a week apart.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
_SAMPLE = timedelta(days=4)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*", re.ASCII)
#: Files beside the zones that are no place's civil time; "right/" even counts leap seconds.
_NO_PLACES = ("posix/", "right/", "posixrules", "localtime", "Factory")


class UnknownZoneError(LookupError):
    """Not the name of a zone in the IANA database."""


@dataclass(frozen=True, slots=True)
class Segment:
    """[start, end) in UTC has one ``offset``; ``jump`` is how far clocks were moved at ``start``."""

    start: datetime
    end: datetime
    offset: timedelta
    jump: timedelta

    def wall(self, instant: datetime) -> datetime:
        """What clocks show at an instant: naive, because the segment knows the offset."""
        return instant.replace(tzinfo=None) + self.offset

    def instant(self, wall: datetime) -> datetime:
        """When clocks show a wall time, were this segment's offset in force."""
        return (wall - self.offset).replace(tzinfo=UTC)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name."""
    if len(name) <= 64 and _NAME.fullmatch(name) and not name.startswith(_NO_PLACES):
        try:
            return ZoneInfo(name)
        except (LookupError, ValueError, OSError):
            pass  # a folder or a table among the zone files: refused like any other name
    raise UnknownZoneError(f"unknown time zone {name[:64]!r}; use an IANA name, case as in Europe/Berlin")


@lru_cache(maxsize=1024)
def offset_text(offset: timedelta) -> str:
    """An offset as ISO 8601 writes it after a time: +02:00."""
    sign = "-" if offset < timedelta() else "+"
    hours, rest = divmod(abs(offset), timedelta(hours=1))
    minutes, seconds = divmod(rest, timedelta(minutes=1))
    text = f"{sign}{hours:02}:{minutes:02}"
    return f"{text}:{seconds.seconds:02}" if seconds else text


def upward(name: str, instant: datetime) -> Iterator[Segment]:
    """The segment of ``instant`` and all later ones; the caller stops. ``instant`` is in UTC."""
    for year in itertools.count(instant.year):
        for segment in _year(name, year):
            if segment.end > instant:
                yield segment


def downward(name: str, instant: datetime) -> Iterator[Segment]:
    """The segment of ``instant`` and all earlier ones; the caller stops. ``instant`` is in UTC."""
    for year in itertools.count(instant.year, -1):
        for segment in reversed(_year(name, year)):
            if segment.start <= instant:
                yield segment


@lru_cache(maxsize=4096)
def _year(name: str, year: int) -> tuple[Segment, ...]:
    place = zone(name)
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    cuts = [start, *_changes(place, start, end), end]
    segments = []
    for low, high in itertools.pairwise(cuts):
        offset = _offset(place, low)
        segments.append(Segment(low, high, offset, offset - _offset(place, low - _SECOND)))
    return tuple(segments)


def _changes(place: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Instants strictly between start and end from which another offset is in force."""
    low, known = start, _offset(place, start)
    while low < end:
        high = min(low + _SAMPLE, end)
        found = _offset(place, high)
        if found != known:
            high = _first_change(place, low, high)
            found = _offset(place, high)
            if high < end:
                yield high
        low, known = high, found


def _first_change(place: ZoneInfo, low: datetime, high: datetime) -> datetime:
    offset = _offset(place, low)
    while high - low > _SECOND:
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        low, high = (middle, high) if _offset(place, middle) == offset else (low, middle)
    return high


def _offset(place: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(place).utcoffset()
    assert offset is not None
    return offset
