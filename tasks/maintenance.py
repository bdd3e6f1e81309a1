"""Hourly housekeeping, whose result is kept by django-celery-results, and what is counted each minute."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task

from jobs.engine import artifacts, partitions, retention, usage
from tenants import retention as log_ins
from tenants.services import audit_sealing

log = structlog.get_logger(__name__)


@shared_task(name="tasks.maintenance.maintain", ignore_result=False)
def maintain() -> dict[str, Any]:
    """Make partitions ahead, drop expired ones, prune, log where the audit trail stands.

    Returns what was made, dropped and deleted.
    """
    report = {"made": partitions.make_ahead(), "dropped": partitions.drop_expired()}
    usage.count()  # before what it is counted from is deleted
    retention.prune()
    log_ins.prune()
    if head := audit_sealing.head():
        log.info("audit.anchored", anchor=str(head))
    return {**report, "expired": retention.expire(), "artifacts": artifacts.prune()}


@shared_task(name="tasks.maintenance.count_usage", ignore_result=True)
def count_usage() -> None:
    """Bring what tenants have used up to date."""
    usage.count()
