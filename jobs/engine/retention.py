"""What is kept how long, outside the partitions."""

from __future__ import annotations

from jobs import sql

BATCH = 10_000


def prune() -> None:
    """Delete ended workers' rows and used-up reservations."""
    sql.run("forget_workers")
    sql.run("expire_reservations", limit=BATCH)
