"""What a tenant may have and has used, as tables and a plain picture of its days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from jobs.models import UsageDay
from jobs.services import usage as service
from jobs.services.usage import Standing
from tenants import marks
from tenants.models import Tenant

DAYS = 30
#: Of the picture, in its own units.
HEIGHT, STEP, BAR = 80, 20, 14
#: From the ground up.
OUTCOMES = ("succeeded", "failed", "cancelled", "skipped")


@dataclass(frozen=True, slots=True)
class Bar:
    """One outcome of one day."""

    outcome: str
    x: int
    y: float
    height: float


def quotas(tenant: Tenant) -> dict[str, Any]:
    """A table of quotas."""
    rows = [(row.what.capitalize(), _used(row), _limit(row)) for row in service.standings(tenant)]
    return {"title": "Quotas", "headers": ("What", "Used", "At most"), "rows": rows}


def _used(row: Standing) -> str:
    if row.used is None:
        return marks.NOTHING
    return f"{row.used:,}" + (" or more" if row.at_least else "")


def _limit(row: Standing) -> str:
    return "no limit" if row.limit is None else f"{row.limit:,}"


def usage(tenant: Tenant) -> dict[str, Any]:
    """The last days: totals, a bar for each day, and the numbers behind it."""
    until = timezone.now().date()
    days = service.days(tenant, since=until - timedelta(days=DAYS - 1), until=until)
    busy = [day for day in reversed(days) if _ended(day)]
    return {
        "figures": _figures(service.totals(days), service.now(tenant)),
        "bars": _bars(days) if busy else [],
        "most": f"{max(map(_ended, days)):,}",
        "size": (STEP * DAYS, HEIGHT),
        "first": days[0].day.isoformat(),
        "last": days[-1].day.isoformat(),
        "outcomes": OUTCOMES,
        "days": DAYS,
        "table": {
            "title": "By day (UTC)",
            "headers": ("Day", "Succeeded", "Failed", "Cancelled", "Skipped", "Run time", "Log"),
            "rows": [_row(day) for day in busy],
            "empty": "Nothing of it has ended in these days.",
        },
    }


def _ended(day: UsageDay) -> int:
    return sum(getattr(day, outcome) for outcome in OUTCOMES)


def _figures(total: UsageDay, now: dict[str, int]) -> list[tuple[str, Any]]:
    ended = [(outcome.capitalize(), f"{getattr(total, outcome):,}") for outcome in OUTCOMES]
    measured = [("Run time", marks.length(total.run_seconds)), ("Log as stored", filesizeformat(total.log_bytes))]
    return [
        *ended,
        *measured,
        *[(f"{state.capitalize()} now", _capped(count)) for state, count in now.items() if count],
    ]


def _capped(count: int) -> str:
    return f"{count:,}" + (" or more" if count == service.COUNTED_UP_TO else "")


def _row(day: UsageDay) -> Sequence[Any]:
    counts = (f"{getattr(day, outcome):,}" for outcome in OUTCOMES)
    return (day.day.isoformat(), *counts, marks.length(day.run_seconds), filesizeformat(day.log_bytes))


def _bars(days: Sequence[UsageDay]) -> list[Bar]:
    """Stacked, the highest day as high as the picture."""
    scale = HEIGHT / max(map(_ended, days))
    bars = []
    for place, day in enumerate(days):
        ground = float(HEIGHT)
        for outcome in OUTCOMES:
            if count := getattr(day, outcome):
                height = max(count * scale, 1.0)
                ground -= height
                bars.append(Bar(outcome, place * STEP + (STEP - BAR) // 2, round(ground, 1), round(height, 1)))
    return bars
