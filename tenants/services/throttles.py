"""A lower cap for a while: set and lifted by people, ended by the clock. Nothing in flight is stopped by it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from tenants import errors
from tenants.models import Tenant
from tenants.models.limited import Limited
from tenants.services import audit

LONGEST = timedelta(days=7)
#: More than any installation runs at once.
MOST = 1_000_000


def throttle(row: Limited, *, tenant: Tenant | None, max_running: int, until: datetime) -> None:
    """Let at most ``max_running`` (0: none) start until then. ``row`` is locked by the caller."""
    now = timezone.now()
    if not 0 <= max_running <= MOST:
        raise errors.Invalid.about("max_running", f"must be from 0 to {MOST}")
    if not now < until <= now + LONGEST:
        raise errors.Invalid.about("until", f"must lie ahead, by at most {LONGEST.days} days")
    _store(row, "throttled", tenant, max_running, until)


def lift(row: Limited, *, tenant: Tenant | None) -> None:
    """End a throttle before its time; does nothing without one. ``row`` is locked by the caller."""
    if row.throttled_until is not None:
        _store(row, "unthrottled", tenant, None, None)


def _store(row: Limited, verb: str, tenant: Tenant | None, max_running: int | None, until: datetime | None) -> None:
    changes = {
        "max_running": [row.throttle_max_running, max_running],
        "until": [_text(row.throttled_until), _text(until)],
    }
    row.throttle_max_running, row.throttled_until = max_running, until
    row.save(update_fields=["throttle_max_running", "throttled_until"])
    noun = row._meta.db_table
    audit.record(action=f"{noun}.{verb}", object_type=noun, object_id=row.pk, tenant=tenant, changes=changes)


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
