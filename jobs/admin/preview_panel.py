"""What a schedule says before it fires, as the console shows it: on its page, and beside a job's form while one types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from jobs import coming, previews, triggers
from jobs.engine.maintenance import NONE, Closures
from jobs.models import Job, Schedule
from jobs.previews import Preview
from jobs.rules.slots import Slot, SlotKind
from jobs.rules.starts import Spread
from jobs.triggers import zones
from tenants import marks
from tenants.models import Tenant

FIRES = 10
_OF_FORM = 5
#: No clock change moves a slot as far; a calendar moves it by days, less an hour or so.
_A_DAY = timedelta(hours=12)
_LEFT_OUT = {
    SlotKind.DST_GAP: "does not exist: left out",
    SlotKind.DST_FOLD: "comes twice: this one is left out",
    SlotKind.HOLIDAY: "a calendar has that day: left out",
}


def of_schedule(schedule: Schedule) -> dict[str, Any]:
    """A stored schedule's; without words or runs for a rule nobody understands."""
    try:
        found = previews.of_schedule(schedule, **_asked(FIRES))
    except triggers.InvalidSchedule:
        return {"sentence": "", "problem": "", "fires": _fires(schedule.timezone, [])}
    promised = schedule.state == "active"
    closures = NONE
    if promised and found.slots:
        closures = coming.closures_of(schedule.job, timezone.now(), found.slots[-1].at)
    return _shown(found, promised=promised, closures=closures)


def of_fields(
    tenant: Tenant, fields: Mapping[str, Any], *, job: Job | None = None, stored: Schedule | None = None
) -> dict[str, Any]:
    """What a schedule of these fields would mean, or why it means nothing; ``stored``: the one they are to change."""
    try:
        found = previews.of_rule(tenant, fields, job=job, stored=stored, **_asked(_OF_FORM))
    except triggers.InvalidSchedule as error:
        return {"sentence": "", "problem": f"{error.field}: {error.message}"}
    return _shown(found, promised=True)


def after(field: str, *watched: str) -> dict[str, Any]:
    """Where a form shows it, and the fields that change it."""
    return {"field": field, "watched": watched, "template": "console/form_preview.html"}


def _asked(count: int) -> dict[str, Any]:
    now = timezone.now()
    return {"after": now, "count": count, "now": now}


def _shown(found: Preview, *, promised: bool, closures: Closures = NONE) -> dict[str, Any]:
    """``promised``: it fires as it stands; of one that is held no runs are shown."""
    return {
        "sentence": found.sentence,
        "problem": "",
        "warnings": [(marks.code(warning.code), warning.message) for warning in found.warnings] if promised else [],
        "fires": _fires(found.timezone, _with_changes(found, closures) if promised else []),
        "clocks": {
            "title": "Clock changes",
            "headers": ("At", "Clocks go", "What becomes of its runs"),
            "rows": [
                (
                    marks.instant(change.at),
                    f"from {change.offset_before} to {change.offset_after}",
                    change.effect[:1].upper() + change.effect[1:],
                )
                for change in found.clock_changes
            ],
            "empty": f"None in {found.timezone} within three years.",
        },
    }


def _fires(zone: str, rows: Sequence[Any]) -> dict[str, Any]:
    headers = (f"In {zone}", "UTC", "What becomes of it")
    return {"title": "Next runs", "headers": headers, "rows": rows, "empty": "None while it is like this."}


def _with_changes(found: Preview, closures: Closures) -> list[tuple[Any, ...]]:
    """The slots, and between two of them that clocks have moved."""
    rows: list[tuple[Any, ...]] = []
    offset = None
    for slot in found.slots:
        local = slot.at.astimezone(zones.zone(found.timezone))
        moved = offset is not None and local.utcoffset() != offset
        offset = local.utcoffset()
        told = _mark(slot, moved, found.spread, closures)
        rows.append((marks.code(f"{local:%a} {local.isoformat()}"), marks.instant(slot.at), told))
    return rows


def _mark(slot: Slot, moved: bool, spread: Spread, closures: Closures) -> str:
    if slot.kind is not SlotKind.RUN:
        return _LEFT_OUT[slot.kind]
    told = [_of_wall(slot), _of_start(slot, spread, closures)]
    told.append("clocks have changed since the run before" if moved and not told[0] else "")
    return "; ".join(each for each in told if each) or marks.NOTHING


def _of_wall(slot: Slot) -> str:
    """What a calendar or a clock change has done to its time."""
    off = slot.at - datetime.fromisoformat(slot.nominal)
    if abs(off) >= _A_DAY:
        return f"moved from {slot.nominal[:10]} by a calendar"
    return f"{slot.nominal[11:16]} does not exist: runs right after" if off else ""


def _of_start(slot: Slot, spread: Spread, closures: Closures) -> str:
    """What its schedule's hours, its spread, maintenance and pauses of tags do to its run."""
    if closures.leave_out(slot):
        return "in a maintenance window: left out"
    start = spread.start(slot.at, slot.nominal)
    if start is None:
        return "outside of its hours: left out"
    if closures.is_paused(start.at):
        return "held while a tag of its job is paused"  # for how long may be open
    held = closures.until(start.at)
    if held is not None:
        return f"held by a maintenance window until {marks.instant_text(held)}"
    known = not spread.jitter or spread.key is not None  # it is spread by an id that a new one does not have yet
    if start.waits:
        return f"waits for its hours, until {marks.instant_text(start.at)}" if known else "waits for its hours"
    return f"spread to {marks.instant_text(start.at)}" if known and start.at != slot.at else ""
