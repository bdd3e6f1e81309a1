"""A slot as the API tells of it: the instant, what the schedule's clock shows, and what a clock change did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from jobs import coming
from jobs.coming import Run
from jobs.engine.maintenance import NONE, Closures
from jobs.models import Job, Schedule
from jobs.rules.slots import Slot, SlotKind
from jobs.rules.starts import Start
from jobs.triggers import zones

_NOTES = {SlotKind.DST_FOLD: "DST_FOLD", SlotKind.DST_GAP: "DST_GAP", SlotKind.HOLIDAY: "HOLIDAY"}
#: How :func:`shown` marks a slot, what matters most coming first.
NOTES = ("MAINTENANCE", "TAG_PAUSED", "OUTSIDE_WINDOW", *_NOTES.values())
#: No clock change moves a slot as far; a calendar moves it by days, less an hour or so.
_A_DAY = timedelta(hours=12)


def of_job(job: Job, now: datetime, pairs: Sequence[tuple[Run, Schedule]]) -> list[dict[str, Any]]:
    """Runs of a job's stored schedules."""
    if not pairs:
        return []
    closures = coming.closures_of(job, now, max(run.start.at for run, _ in pairs))
    return [of_run(run, schedule.timezone, closures) for run, schedule in pairs]


def of_run(run: Run, zone: str, closures: Closures = NONE) -> dict[str, Any]:
    """A run of a stored schedule."""
    return shown(run.slot, zone, run.start, closures)


def shown(slot: Slot, zone: str, start: Start | None, closures: Closures = NONE) -> dict[str, Any]:
    """A slot on a zone's clock, and when its run starts as far as that is known."""
    return {
        "at": slot.at,
        "local": slot.at.astimezone(zones.zone(zone)),
        "starts_at": start and start.at,
        "note": _closed(slot, start, closures) or ("OUTSIDE_WINDOW" if start and start.waits else _note(slot)),
    }


def _closed(slot: Slot, start: Start | None, closures: Closures) -> str | None:
    if closures.leave_out(slot):
        return "MAINTENANCE"
    if start is None or closures.until(start.at) is None:
        return None
    return "TAG_PAUSED" if closures.is_paused(start.at) else "MAINTENANCE"


def _note(slot: Slot) -> str | None:
    if slot.kind in _NOTES:
        return _NOTES[slot.kind]
    moved = slot.at - datetime.fromisoformat(slot.nominal)
    if moved and abs(moved) >= _A_DAY:
        return "HOLIDAY"
    return "DST_GAP" if moved else None
