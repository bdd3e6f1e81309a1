"""Maintenance windows and execution windows, arranged by the superuser."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tenants.fields import new_id
from tests.support import rows

HOUR = timedelta(hours=1)


def maintenance(
    tenant: UUID | None,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
    **columns: Any,
) -> UUID:
    """One that holds a tenant (or all), open for an hour already and for one more if not said otherwise."""
    identifier, now = new_id(), rows.now()
    begin, end = opens_at or now - HOUR, closes_at or now + HOUR
    defaults = {
        "id": identifier, "tenant_id": tenant, "queue_id": None, "job_id": None, "action": "hold", "reason": "The database moves.",
        "starts_at": begin, "ends_at": end, "timezone": "UTC", "opens_at": begin, "closes_at": end, "ruled_at": begin - HOUR,
        "created_by": "", "created_at": now, "updated_at": now,
    }  # fmt: skip
    rows.insert("maintenance_window", **(defaults | columns))
    return identifier


def close_now(window: UUID) -> None:
    """As if its time were over."""
    rows.change(
        "UPDATE maintenance_window SET closes_at = clock_timestamp(), ends_at = clock_timestamp() WHERE id = %s", window
    )


def around(now: datetime, *, is_open: bool, **columns: Any) -> dict[str, Any]:
    """Hours in UTC that are open, or closed, from an hour before now to an hour after it."""
    begin, end = ((now + sign * HOUR).strftime("%H:%M") for sign in ((-1, 1) if is_open else (1, -1)))
    return {"hours": [{"from": begin, "until": end}], **columns}
