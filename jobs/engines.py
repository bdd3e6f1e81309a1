"""Whether an engine is there, as whoever asks why nothing starts must be told first."""

from __future__ import annotations

from datetime import datetime, timedelta

from jobs.models import Pulse
from tenants.rules import phrases

#: An engine looks at least once a second; beyond this, slots are late.
STALE = timedelta(seconds=10)


def silent(now: datetime) -> str:
    """Since when none has been heard of, in words; empty while one is, and before there ever was one."""
    last = Pulse.objects.filter(name="dispatch").values_list("at", flat=True).first()
    return f"since {phrases.instant(last)}" if last and now - last > STALE else ""
