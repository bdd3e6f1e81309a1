"""What is kept how long, outside the partitions."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from jobs import sql
from jobs.engine import transitions
from jobs.rules import event_outcomes
from tenants.rules.quotas import kept_for

BATCH = 10_000
#: Executions deleted in one transaction, with all that belongs to them, and most of a tenant in one go.
EXECUTIONS = 500
MOST = 100_000


def prune() -> None:
    """Delete ended workers' rows, full buckets, used-up reservations, old operations, workflow runs, approvals, resolutions, messages and events, and bookmarks of deleted jobs; cancel what a deleted job left waiting."""
    for job in sql.run("held_of_deleted"):
        transitions.cancel_waiting_of(tenant_id=job.tenant_id, job_id=job.job_id)
    sql.run("forget_workers")
    sql.run("prune_buckets")
    _in_batches("expire_reservations")
    sql.run("prune_operations", age=settings.RETENTION, limit=BATCH)
    sql.run("prune_runs", tenant_id=None, age=settings.RETENTION, limit=BATCH)
    sql.run("prune_approvals", tenant_id=None, age=settings.RETENTION, limit=BATCH)
    sql.run("prune_resolutions", age=settings.RETENTION)
    _in_batches("forget_messages", age=settings.RETENTION)
    _in_batches("prune_bookmarks")
    _in_batches("forget_events", age=event_outcomes.KEPT_FOR)


def _in_batches(statement: str, **parameters: Any) -> None:
    """There may be many in an hour."""
    for _ in range(MOST // BATCH):
        if len(sql.run(statement, limit=BATCH, **parameters)) < BATCH:
            return


def expire() -> int:
    """Delete ended executions of tenants that keep theirs for less long than the installation. Returns how many.

    Whoever keeps them as long as the installation loses them with their week's partition, at no cost.
    """
    return sum(_expire(row) for row in sql.run("kept_shorter"))


def _expire(row: Any) -> int:
    age = kept_for(row.retention_days, settings.RETENTION)
    deleted = 0
    while deleted < MOST:
        count = sql.run("expire_executions", tenant_id=row.tenant_id, age=age, limit=EXECUTIONS)[0].expired
        deleted += count
        if count < EXECUTIONS:
            break
    for belongings in ("prune_runs", "prune_approvals"):
        sql.run(belongings, tenant_id=row.tenant_id, age=age, limit=BATCH)
    return deleted
