"""The field ``calendars`` of a schedule: which calendars, by name, and what becomes of a slot they hit. Pure.

[{"calendar": "de-holidays", "use": "exclude", "on_hit": "next_business_day"}]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jobs.rules.calendars import OnHit

#: Most of one schedule.
MOST = 10
LONGEST_NAME = 100


class Use(StrEnum):
    """Which days a calendar hits: those it has, or all others."""

    EXCLUDE = "exclude"
    INCLUDE = "include"


class InvalidUse(ValueError):
    """``field`` is where, such as ``calendars[0].use``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Named:
    """One of a schedule's."""

    calendar: str
    use: Use = Use.EXCLUDE
    on_hit: OnHit = OnHit.SKIP

    def told(self) -> dict[str, str]:
        """As it is stored, every field of it."""
        return {"calendar": self.calendar, "use": str(self.use), "on_hit": str(self.on_hit)}


def parse(given: Any, path: str = "calendars") -> tuple[Named, ...]:
    """The field as people write it, or :class:`InvalidUse`."""
    if not isinstance(given, list | tuple):
        raise InvalidUse(path, 'must be a list of {"calendar": "its name", "use": "exclude", "on_hit": "skip"}')
    if len(given) > MOST:
        raise InvalidUse(path, f"are at most {MOST} of one schedule")
    found: list[Named] = []
    for index, each in enumerate(given):
        named = _one(each, f"{path}[{index}]")
        if named.calendar in {other.calendar for other in found}:
            raise InvalidUse(f"{path}[{index}].calendar", f"{named.calendar!r} is named twice")
        found.append(named)
    return tuple(found)


def names(stored: Iterable[Mapping[str, Any]]) -> list[str]:
    """The calendars of a stored field."""
    return [str(each["calendar"]) for each in stored if isinstance(each, Mapping) and "calendar" in each]


def renamed(stored: Iterable[Mapping[str, Any]], before: str, after: str) -> list[dict[str, Any]]:
    """The same field with a calendar by its new name."""
    return [{**each, "calendar": after} if each.get("calendar") == before else dict(each) for each in stored]


def _one(given: Any, path: str) -> Named:
    if not isinstance(given, Mapping):
        raise InvalidUse(path, 'must be an object such as {"calendar": "its name", "use": "exclude", "on_hit": "skip"}')
    for name in given:
        if name not in ("calendar", "use", "on_hit"):
            raise InvalidUse(f"{path}.{str(name)[:50]}", "unknown field; known are calendar, use, on_hit")
    calendar = given.get("calendar")
    if not isinstance(calendar, str) or not calendar or len(calendar) > LONGEST_NAME:
        raise InvalidUse(f"{path}.calendar", "must be the name of a calendar")
    return Named(
        calendar,
        Use(_choice(given.get("use", Use.EXCLUDE), Use, f"{path}.use")),
        OnHit(_choice(given.get("on_hit", OnHit.SKIP), OnHit, f"{path}.on_hit")),
    )


def _choice(given: Any, options: type[StrEnum], path: str) -> str:
    known = [str(option) for option in options]
    if not isinstance(given, str) or given not in known:
        raise InvalidUse(path, f"must be one of {', '.join(known)}")
    return given
