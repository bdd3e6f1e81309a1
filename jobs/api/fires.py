"""A slot as the API tells of it: the instant, what the schedule's clock shows, and what a clock change did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs.models import Schedule
from jobs.rules.slots import Slot, SlotKind
from jobs.triggers import zones


def of_schedule(slot: Slot, schedule: Schedule) -> dict[str, Any]:
    """A slot of a stored schedule."""
    return shown(slot, schedule.timezone)


def shown(slot: Slot, zone: str) -> dict[str, Any]:
    """A slot on a zone's clock."""
    return {"at": slot.at, "local": slot.at.astimezone(zones.zone(zone)), "note": _note(slot)}


def _note(slot: Slot) -> str | None:
    if slot.kind is SlotKind.DST_FOLD:
        return "DST_FOLD"
    moved = datetime.fromisoformat(slot.nominal) != slot.at
    return "DST_GAP" if moved or slot.kind is SlotKind.DST_GAP else None
