"""What else is said of a schedule: its bounds, its clock-change policy where it is not the usual one, what holds runs back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from jobs.sentences import listing
from jobs.triggers import zones

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_ON_HIT = {
    "skip": "left out",
    "previous_business_day": "moved to the business day before",
    "next_business_day": "moved to the business day after",
}


def words(fields: Mapping[str, Any]) -> Iterator[str]:
    """Clauses in the order in which they matter."""
    zone = fields.get("timezone") or "UTC"
    if (start := fields.get("start_at")) and fields["kind"] != "interval":
        yield f"from {instant(start, zone)} on"
    if end := fields.get("end_at"):
        yield f"before {instant(end, zone)}"
    yield from _clocks(fields)
    for use in fields.get("calendars") or ():
        yield _calendar(use)
    if window := fields.get("execution_window"):
        yield _window(window)
    if jitter := fields.get("jitter_seconds"):
        yield f"each run up to {length(jitter)} later, the same for the same slot"
    if most := fields.get("max_runs"):
        yield "one run in all" if most == 1 else f"{most:,} runs in all"


def instant(at: datetime, zone: str) -> str:
    """``2026-03-01 09:00 (+01:00)``, on a zone's clock."""
    local = at.astimezone(zones.zone(zone))
    seconds = ":%S" if local.second or local.microsecond else ""
    offset = local.utcoffset() or timedelta()
    return f"{local:%Y-%m-%d %H:%M{seconds}} ({zones.offset_text(offset)})"


def length(seconds: float) -> str:
    """``15 minutes``, ``1 hour and 30 minutes``."""
    rest, told = int(seconds), []
    for name, size in _UNITS:
        many, rest = divmod(rest, size)
        if many:
            told.append(f"{many:,} {name}{'s' if many > 1 else ''}")
    return listing.joined(told) or "0 seconds"


def _clocks(fields: Mapping[str, Any]) -> Iterator[str]:
    if (fields.get("timezone") or "UTC") == "UTC" or fields["kind"] in ("interval", "once", "event"):
        return
    if fields.get("dst_gap") == "skip":
        yield "times that clocks skip are left out"
    if (fold := fields.get("dst_fold")) in ("second", "both"):
        yield f"times that come twice run {'both times' if fold == 'both' else 'the second time'}"


def _calendar(use: Mapping[str, Any]) -> str:
    named = use["calendar"]
    days = f"days that are not in {named}" if use.get("use") == "include" else f"days in {named}"
    return f"runs on {days} are {_ON_HIT[use.get('on_hit') or 'skip']}"


def hours(window: Any) -> str:
    """``mon-fri 22:00 to 05:00 and sat, sun 00:00 to 24:00``; quoted, if it is not understood."""
    try:
        return listing.joined(
            [
                f"{', '.join(each.get('days', ['every day']))} {each['from']} to {each['until']}"
                for each in window["hours"]
            ]
        )
    except (AttributeError, KeyError, TypeError):
        return json.dumps(window, sort_keys=True, ensure_ascii=False)


def _window(window: Any) -> str:
    outside = "is skipped" if isinstance(window, Mapping) and window.get("outside") == "skip" else "waits"
    return f"starts only {hours(window)}, else it {outside}"
