"""How much the calendars of a tenant may hold together, with what each inherits.

Whoever changes one resolves all that extend it, and engines keep the days of those that are used in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from jobs.models import Calendar
from tenants.quotas import QuotaExceeded

MOST_DAYS = 200_000
#: Of the notes of all days.
MOST_CHARACTERS = 8 * 1024 * 1024


class Room:
    """What the calendars of a tenant take; told of each that is resolved, before it is stored."""

    def __init__(self, calendars: Iterable[Calendar]) -> None:
        self._sizes: dict[UUID, tuple[int, int]] = {each.pk: _size(each) for each in calendars}

    def take(self, calendar: Calendar) -> None:
        """Refuse what makes them too large; whatever makes one smaller is let pass."""
        before, now = self._sizes.get(calendar.pk, (0, 0)), _size(calendar)
        self._sizes[calendar.pk] = now
        days, characters = (sum(sizes) for sizes in zip(*self._sizes.values(), strict=True))
        if now[0] > before[0]:
            _refuse("calendar_days", "days", days, MOST_DAYS)
        if now[1] > before[1]:
            _refuse("calendar_notes", "characters of notes", characters, MOST_CHARACTERS)


def _size(calendar: Calendar) -> tuple[int, int]:
    """Days, and characters of their notes."""
    fixed, yearly = calendar.days.get("fixed", {}), calendar.days.get("yearly", {})
    notes = sum(map(len, fixed.values())) + sum(len(note) for _, note in yearly.values())
    return len(fixed) + len(yearly), notes


def _refuse(quota: str, what: str, used: int, limit: int) -> None:
    if used > limit:
        message = (
            f"with what they inherit this tenant's calendars would have {used:,} {what}; at most {limit:,}: "
            "let fewer extend each other, or delete some"
        )
        raise QuotaExceeded(quota, message, limit=limit, used=used)
