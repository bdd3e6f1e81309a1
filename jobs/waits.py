"""Asks the database what an execution waits for. One execution at a time: it takes a handful of small queries."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from jobs.models import Execution, Queue, RateBucket, Worker
from jobs.rules import waiting
from jobs.rules.states import IN_FLIGHT, State
from jobs.rules.waiting import Facts, Limit, Waiting
from tenants import context
from tenants.models import Tenant, TenantState
from tenants.models.limited import Limited
from tenants.rules import rates

#: Who stands further back does not care to know exactly.
MOST_AHEAD = 1000


def waiting_for(execution: Execution) -> Waiting | None:
    """Why it has not started yet; None if it has, or has ended."""
    if execution.state == State.PENDING:
        return waiting.waiting_for(_surroundings(execution, timezone.now()))
    return waiting.waiting_for(Facts(state=execution.state, not_before=execution.not_before, tries=execution.epoch))


def _surroundings(execution: Execution, now: datetime) -> Facts:
    job, tenant, queue = execution.job, execution.job.tenant, execution.queue
    keys = {f"job:{job.pk}": job, f"tenant:{tenant.pk}": tenant, f"queue:{queue.pk}": queue}
    buckets = RateBucket.objects.in_bulk([key for key, row in keys.items() if row.rate_limit])
    at = {key: _token_at(row, buckets.get(key), now) for key, row in keys.items()}
    return Facts(
        state=execution.state,
        not_before=execution.not_before,
        waiting_on=execution.waiting_on,
        tenant_suspended=tenant.state != TenantState.ACTIVE,
        queue_paused=queue.paused_at is not None,
        has_worker=_has_worker(queue, now),
        tenant=_limit(tenant, Execution.objects.filter(tenant=tenant), at[f"tenant:{tenant.pk}"], now),
        queue=_limit(queue, Execution.objects.filter(queue=queue), at[f"queue:{queue.pk}"], now),
        job=Limit(eases_at=_eases_at(job, now), token_at=at[f"job:{job.pk}"]),
        ahead=0 if execution.waiting_on else _ahead(execution),
    )


def _has_worker(queue: Queue, now: datetime) -> bool:
    return Worker.objects.filter(queues__contains=[queue.pk], lease_expires_at__gt=now, draining=False).exists()


def _limit(row: Tenant | Queue, executions: QuerySet[Execution], token_at: datetime | None, now: datetime) -> Limit:
    cap = row.cap_at(now)
    if cap is None:
        return Limit(token_at=token_at)
    # What others have in flight may not be seen by a tenant; whether that fills the queue may.
    with context.within(context.PLATFORM):
        in_flight = executions.filter(state__in=sorted(IN_FLIGHT)).order_by()[:cap].count() if cap else 0
    return Limit(is_full=in_flight >= cap, eases_at=_eases_at(row, now), token_at=token_at)


def _eases_at(row: Limited, now: datetime) -> datetime | None:
    """The end of its throttle, if that and not its own cap holds now."""
    throttle = row.throttle_at(now)
    return row.throttled_until if throttle is not None and throttle == row.cap_at(now) else None


def _token_at(row: Limited, bucket: RateBucket | None, now: datetime) -> datetime | None:
    """When its bucket holds a token again; None if it does."""
    if bucket is None or not row.rate_limit:
        return None
    rule = rates.bucket(row.rate_limit, row.rate_burst)
    wait = rule.seconds_until_one(rule.holds(bucket.tokens, (now - bucket.updated_at).total_seconds()))
    return now + timedelta(seconds=wait) if wait else None


def _ahead(execution: Execution) -> int:
    ready = Execution.objects.filter(
        queue=execution.queue_id, tenant=execution.tenant_id, state=State.PENDING, waiting_on=""
    )
    same = Q(priority=execution.priority)
    older = Q(not_before__lt=execution.not_before) | Q(not_before=execution.not_before, pk__lt=execution.pk)
    before = ready.filter(Q(priority__gt=execution.priority) | same & older)
    return before.order_by()[:MOST_AHEAD].count()
