"""Pauses a job after so many executions that failed one after another.

    failed ─► counted, in the transaction of its end ─► at the limit: paused, an event, an audit record
    succeeded ─► counted from nothing again

Every execution of the job counts that ends by itself, whoever asked for it: replays and backfills too. What was skipped or
cancelled says nothing. Only jobs with ``pause_after_failures`` are counted; others cost nothing here.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import structlog

from jobs import sql
from jobs.models import JobState
from jobs.rules import pausing
from tenants import requests
from tenants.models import Tenant
from tenants.services import audit

log = structlog.get_logger(__name__)


def count_failures(jobs: Collection[UUID]) -> None:
    """An execution of each failed, once for each time it is named. The caller's transaction is the one in which it did."""
    if not jobs:
        return
    for row in sql.run("count_failures", ids=list(jobs)):
        log.warning("job.paused", job=str(row.id), failures=row.failures)
        because = pausing.because(row.failures)
        with requests.continued(requests.SYSTEM, request_id="", reason=because):
            audit.record(
                action="job.paused", object_type="job", object_id=row.id, tenant=Tenant.objects.get(pk=row.tenant_id),
                changes={"state": [JobState.ACTIVE.value, JobState.PAUSED.value]}, reason=because,
            )  # fmt: skip


def forget_failures(jobs: Collection[UUID]) -> None:
    """An execution of each succeeded."""
    if jobs:
        sql.run("forget_failures", ids=list(jobs))
