"""How a previewed rule's runs are moved from their slots. A stored schedule's jitter is known; without one it only spreads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from jobs import errors
from jobs.api import fires
from jobs.rules import opening_hours
from jobs.rules.slots import Slot, SlotKind
from jobs.rules.starts import Spread
from jobs.triggers import zones


@dataclass(frozen=True, slots=True)
class Moving:
    """``rest``: runs that are left, if they are limited."""

    spread: Spread
    rest: int | None

    @property
    def spread_seconds(self) -> float:
        """Over how long the runs are spread after their slots."""
        return self.spread.jitter.total_seconds()

    def most(self, count: int) -> int:
        """How many slots there are to show, of so many."""
        return count if self.rest is None else min(count, self.rest)

    def shown(self, slot: Slot, zone: str) -> dict[str, Any]:
        """A slot as it will be, and when it starts where that is known."""
        if slot.kind is not SlotKind.RUN:
            return fires.shown(slot, zone, None)
        start = self.spread.start(slot.at, slot.nominal)
        told = fires.shown(slot, zone, start)
        unknown = self.spread.jitter and self.spread.key is None
        return told | ({"starts_at": None} if unknown else {}) | ({"note": "OUTSIDE_WINDOW"} if start is None else {})


def moving(rule: dict[str, Any], schedules: Any) -> Moving:
    """What of a preview says how runs are moved, taken out of it."""
    jitter, hours, most = rule.pop("jitter_seconds", 0), rule.pop("execution_window", None), rule.pop("max_runs", None)
    zone, stored = rule.get("timezone") or "UTC", None
    if (identifier := rule.pop("schedule", None)) is not None:
        stored = schedules.filter(pk=identifier).first()
        if stored is None:
            raise errors.invalid({"schedule": ["there is no such schedule here: leave it out for a new one"]})
    try:
        parsed = None if hours is None else opening_hours.parse(hours)
    except opening_hours.InvalidHours as error:
        field = ".".join(part for part in ("execution_window", error.field) if part)
        raise errors.InvalidSchedule.about(field, error.message) from None
    spread = Spread(
        key=stored and stored.pk,
        jitter=timedelta(seconds=jitter),
        hours=parsed,
        stretches=partial(zones.upward, zone),
    )
    done = stored.runs if stored else 0
    return Moving(spread, None if most is None else max(most - done, 0))
