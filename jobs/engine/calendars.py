"""The calendars that schedules name, looked up: one statement for many schedules, and days that are known are not read again.

Days are told apart by their digest, so that all tenants with the same holidays share them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from jobs import sql, triggers
from jobs.rules import calendar_days, calendar_names
from jobs.rules.calendar_days import Days
from jobs.rules.calendar_names import Named, Use
from jobs.rules.calendars import CalendarUse

#: So many days, of all calendars together, a process keeps in memory.
MOST_KEPT = 500_000
#: And of so many calendars: what is known is said in each statement.
MOST_CALENDARS = 500

Key = tuple[UUID, str]


class _Known:
    """Days by digest, those used last, for all threads of the process."""

    def __init__(self) -> None:
        self._days: OrderedDict[str, Days] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def digests(self) -> list[str]:
        with self._lock:
            return list(self._days)

    def days(self, digest: str, stored: Mapping[str, Any] | None) -> Days | None:
        """Of a digest; ``stored`` is read where it is not known. None if it was forgotten meanwhile."""
        with self._lock:
            found = self._days.pop(digest, None)
            if found is None:
                if stored is None:
                    return None
                found = calendar_days.read(stored)
                self._size += len(found)
            self._days[digest] = found
            while len(self._days) > 1 and (self._size > MOST_KEPT or len(self._days) > MOST_CALENDARS):
                self._size -= len(self._days.popitem(last=False)[1])
            return found


_known = _Known()


class Calendars:
    """Those of some schedules at once; those of others when they are asked for."""

    def __init__(self, schedules: Iterable[Any] = ()) -> None:
        self._found: dict[Key, CalendarUse | None] = {}
        self.know(schedules)

    def know(self, schedules: Iterable[Any]) -> None:
        """Look up those of further schedules at once."""
        self._look_up({(row.tenant_id, name) for row in schedules for name in _names(row)} - self._found.keys())

    def of(self, schedule: Any) -> tuple[CalendarUse, ...]:
        """A schedule's, as rules take them. Raises :class:`jobs.triggers.InvalidSchedule` naming the field."""
        if not schedule.calendars:
            return ()
        try:
            named = calendar_names.parse(schedule.calendars)
        except calendar_names.InvalidUse as error:
            raise triggers.InvalidSchedule(error.field, error.message) from None
        self._look_up({(schedule.tenant_id, each.calendar) for each in named} - self._found.keys())
        return tuple(self._use(schedule.tenant_id, each, index) for index, each in enumerate(named))

    def _use(self, tenant: UUID, named: Named, index: int) -> CalendarUse:
        found = self._found.get((tenant, named.calendar))
        if found is None:
            message = f"there is no calendar named {named.calendar!r}: make it at /calendars, or name another"
            raise triggers.InvalidSchedule(f"calendars[{index}].calendar", message)
        return CalendarUse(found.days, named.use is Use.INCLUDE, named.on_hit, found.weekend)

    def _look_up(self, wanted: Iterable[Key]) -> None:
        keys = sorted(wanted)
        if not keys:
            return
        self._found.update(dict.fromkeys(keys))
        forgotten = self._read(keys, _known.digests())
        if forgotten:
            self._read(forgotten, [])

    def _read(self, keys: list[Key], known: list[str]) -> list[Key]:
        forgotten = []
        tenants, names = [key[0] for key in keys], [key[1] for key in keys]
        for row in sql.run("calendars_named", tenants=tenants, names=names, known=known):
            days = _known.days(row.digest, row.days)
            if days is None:
                forgotten.append((row.tenant_id, row.name))
            else:
                self._found[row.tenant_id, row.name] = CalendarUse(days, weekend=frozenset(row.weekend))
        return forgotten


def _names(row: Any) -> list[str]:
    return calendar_names.names(row.calendars) if isinstance(row.calendars, list) else []
