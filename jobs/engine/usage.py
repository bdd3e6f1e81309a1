"""Counts what tenants have used, from the events of what ended: each event once, however many engines there are."""

from __future__ import annotations

from jobs import sql

#: Events read in one transaction.
BATCH = 5_000
#: What one round counts at most; what is left, the next one does.
MOST_ROUNDS = 100


def count() -> int:
    """Bring usage up to date. Returns how many events were read."""
    read = 0
    for _ in range(MOST_ROUNDS):
        told = sql.run("count_usage", limit=BATCH)[0].told
        read += told
        if told < BATCH:
            break
    return read
