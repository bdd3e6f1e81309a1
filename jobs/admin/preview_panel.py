"""What a schedule says before it fires, as the console shows it: on its page, and beside a job's form while one types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from jobs import previews, triggers
from jobs.models import Job, Schedule
from jobs.previews import Preview
from jobs.rules.slots import Slot, SlotKind
from jobs.triggers import zones
from tenants import marks
from tenants.models import Tenant

FIRES = 10
_OF_FORM = 5


def of_schedule(schedule: Schedule) -> dict[str, Any]:
    """A stored schedule's; without words or runs for a rule nobody understands."""
    try:
        found = previews.of_schedule(schedule, **_asked(FIRES))
    except triggers.InvalidSchedule:
        return {"sentence": "", "problem": "", "fires": _fires(schedule.timezone, [])}
    return _shown(found, promised=schedule.state == "active")


def of_form(tenant: Tenant | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a form's expression and time zone mean, or why they mean nothing; the tenant's defaults hold if it is known."""
    expression, zone = str(given.get("expression") or "").strip(), str(given.get("timezone") or "").strip()
    if not expression:
        return {"sentence": "", "problem": ""}
    return of_fields(
        tenant or Tenant(), {"kind": "cron", "expression": expression, **({"timezone": zone} if zone else {})}
    )


def of_fields(tenant: Tenant, fields: Mapping[str, Any], *, job: Job | None = None) -> dict[str, Any]:
    """What a schedule of these fields would mean, or why it means nothing."""
    try:
        found = previews.of_rule(tenant, fields, job=job, **_asked(_OF_FORM))
    except triggers.InvalidSchedule as error:
        return {"sentence": "", "problem": f"{error.field}: {error.message}"}
    return _shown(found, promised=True)


def after(field: str, *watched: str) -> dict[str, Any]:
    """Where a form shows it, and the fields that change it."""
    return {"field": field, "watched": watched, "template": "console/form_preview.html"}


def _asked(count: int) -> dict[str, Any]:
    now = timezone.now()
    return {"after": now, "count": count, "now": now}


def _shown(found: Preview, *, promised: bool) -> dict[str, Any]:
    """``promised``: it fires as it stands; of one that is held no runs are shown."""
    return {
        "sentence": found.sentence,
        "problem": "",
        "warnings": [(marks.code(warning.code), warning.message) for warning in found.warnings] if promised else [],
        "fires": _fires(found.timezone, _with_changes(found) if promised else []),
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
    headers = (f"In {zone}", "UTC", "Clock change")
    return {"title": "Next runs", "headers": headers, "rows": rows, "empty": "None while it is like this."}


def _with_changes(found: Preview) -> list[tuple[Any, ...]]:
    """The slots, and between two of them that clocks have moved."""
    rows: list[tuple[Any, ...]] = []
    offset = None
    for slot in found.slots:
        local = slot.at.astimezone(zones.zone(found.timezone))
        moved = offset is not None and local.utcoffset() != offset
        offset = local.utcoffset()
        rows.append((marks.code(f"{local:%a} {local.isoformat()}"), marks.instant(slot.at), _mark(slot, moved)))
    return rows


def _mark(slot: Slot, moved: bool) -> str:
    if slot.kind is SlotKind.DST_GAP:
        return "does not exist: left out"
    if slot.kind is SlotKind.DST_FOLD:
        return "comes twice: this one is left out"
    if datetime.fromisoformat(slot.nominal) != slot.at:
        return f"{slot.nominal[11:16]} does not exist: runs right after"
    return "clocks have changed since the run before" if moved else marks.NOTHING
