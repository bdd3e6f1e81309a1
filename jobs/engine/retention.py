"""What is kept how long, outside the partitions."""

from __future__ import annotations

from jobs import sql
from jobs.engine import transitions

BATCH = 10_000


def prune() -> None:
    """Delete ended workers' rows, full buckets and used-up reservations; cancel what a deleted job left waiting."""
    for job in sql.run("held_of_deleted"):
        transitions.cancel_waiting_of(tenant_id=job.tenant_id, job_id=job.job_id)
    sql.run("forget_workers")
    sql.run("prune_buckets")
    sql.run("expire_reservations", limit=BATCH)
