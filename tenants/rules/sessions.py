"""How long a log-in lasts, and what it means that a refresh token is shown."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum

#: An access token lives so long after whatever should have ended it was missed.
ACCESS = timedelta(minutes=10)
#: A log-in that is not refreshed for so long is over.
IDLE = timedelta(hours=24)
#: And so is any after this.
LONGEST = timedelta(days=7)
#: Two tabs, or a client that sends twice, show one token at the same moment. For so long the second is turned away
#: and nothing else: it gets no token, so a thief gains nothing by it. Later it is taken for theft.
GRACE = timedelta(seconds=5)


class Shown(StrEnum):
    """What a refresh token turns out to be."""

    GOOD = "good"
    JUST_REPLACED = "just_replaced"
    REPLAYED = "replayed"


def digest(token_id: str) -> bytes:
    """What is stored of a refresh token: a hash of its id, which is random."""
    return hashlib.sha256(token_id.encode()).digest()


def judge(shown: bytes, *, current: bytes, former: bytes | None, refreshed_at: datetime, now: datetime) -> Shown:
    """What the token with this digest is, in a family whose newest is ``current``."""
    if hmac.compare_digest(shown, current):
        return Shown.GOOD
    if former is not None and hmac.compare_digest(shown, former) and now - refreshed_at <= GRACE:
        return Shown.JUST_REPLACED
    return Shown.REPLAYED


def expiry(begun_at: datetime, now: datetime) -> datetime:
    """When a log-in refreshed now is over."""
    return min(now + IDLE, begun_at + LONGEST)
