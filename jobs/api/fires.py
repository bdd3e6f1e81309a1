"""A slot as the API tells of it: the instant, what the schedule's clock shows, and what a clock change did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from jobs.models import Schedule
from jobs.rules.slots import Slot, SlotKind
from jobs.triggers import zones

_NOTES = {SlotKind.DST_FOLD: "DST_FOLD", SlotKind.DST_GAP: "DST_GAP", SlotKind.HOLIDAY: "HOLIDAY"}
#: No clock change moves a slot as far; a calendar moves it by days, less an hour or so.
_A_DAY = timedelta(hours=12)


def of_schedule(slot: Slot, schedule: Schedule) -> dict[str, Any]:
    """A slot of a stored schedule."""
    return shown(slot, schedule.timezone)


def shown(slot: Slot, zone: str) -> dict[str, Any]:
    """A slot on a zone's clock."""
    return {"at": slot.at, "local": slot.at.astimezone(zones.zone(zone)), "note": _note(slot)}


def _note(slot: Slot) -> str | None:
    if slot.kind in _NOTES:
        return _NOTES[slot.kind]
    moved = slot.at - datetime.fromisoformat(slot.nominal)
    if moved and abs(moved) >= _A_DAY:
        return "HOLIDAY"
    return "DST_GAP" if moved else None
