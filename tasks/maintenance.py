"""Hourly housekeeping; its result is kept by django-celery-results."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task

from jobs.engine import partitions, retention
from tenants import retention as log_ins
from tenants.services import audit_sealing

log = structlog.get_logger(__name__)


@shared_task(name="tasks.maintenance.maintain", ignore_result=False)
def maintain() -> dict[str, Any]:
    """Make partitions ahead, drop expired ones, prune, log where the audit trail stands. Returns what was made and dropped."""
    report = {"made": partitions.make_ahead(), "dropped": partitions.drop_expired()}
    retention.prune()
    log_ins.prune()
    if head := audit_sealing.head():
        log.info("audit.anchored", anchor=str(head))
    return report
