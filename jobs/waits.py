"""Asks the database what an execution waits for. One execution at a time: it takes a handful of small queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from jobs import approvals, engines, executors, paused_tags, shut, sql, upstreams
from jobs.models import Execution, Job, Operation, Queue, RateBucket, Worker
from jobs.models.queue import Pool
from jobs.rules import background, concurrency_keys, waiting
from jobs.rules.codes import Wait, is_of_key, wait_of
from jobs.rules.operations import State as OperationState
from jobs.rules.states import IN_FLIGHT, State
from jobs.rules.waiting import Facts, Limit, Waiting
from tenants import actors, context
from tenants.models import Tenant, TenantState
from tenants.models.limited import Limited
from tenants.rules import rates

#: Who stands further back does not care to know exactly.
MOST_AHEAD = 1000
#: A pace is measured over so long, in at most so many events, and not from fewer ends than that.
LATELY, MOST_EVENTS, FEW = timedelta(minutes=5), 2000, 3
#: Events after which another may start.
_FREEING = ("execution.succeeded", "execution.failed", "execution.retried")


def waiting_for(execution: Execution) -> Waiting | None:
    """Why it has not started yet; None if it has, or has ended."""
    if execution.state == State.PENDING:
        return waiting.waiting_for(_surroundings(execution, timezone.now()))
    if execution.state == State.BLOCKED:
        awaited, gives_up_at = upstreams.awaited(execution)
        deciders, decided_until = approvals.awaited(execution)
        facts = Facts(
            state=execution.state, not_before=execution.not_before, tries=execution.epoch, upstreams=awaited,
            gives_up_at=decided_until or gives_up_at, deciders=deciders,
        )  # fmt: skip
        return waiting.waiting_for(facts)
    now = timezone.now()
    outside = execution.state == State.SCHEDULED and shut.is_outside(execution, now)
    is_due = execution.state == State.SCHEDULED and execution.not_before <= now
    claimed_by = _executors(execution, now) if execution.state == State.QUEUED else ""
    facts = Facts(
        state=execution.state,
        not_before=execution.not_before,
        tries=execution.epoch,
        outside_window=outside,
        engine_silent=engines.silent(now) if is_due else "",
        executors=claimed_by,
    )
    return waiting.waiting_for(facts)


def _surroundings(execution: Execution, now: datetime) -> Facts:
    job, tenant, queue = execution.job, execution.job.tenant, execution.queue
    named, operation = wait_of(execution.waiting_on), _operation(execution)
    keys = {f"job:{job.pk}": job, f"tenant:{tenant.pk}": tenant, f"queue:{queue.pk}": queue}
    buckets = RateBucket.objects.in_bulk([key for key, row in keys.items() if row.rate_limit])
    at = {key: _token_at(row, buckets.get(key), now) for key, row in keys.items()}
    return Facts(
        state=execution.state,
        not_before=execution.not_before,
        waiting_on=execution.waiting_on,
        tenant_suspended=tenant.state != TenantState.ACTIVE,
        queue_paused=queue.paused_at is not None,
        maintenance=shut.by_maintenance(job, now),
        tag_pause=paused_tags.pausing(job, now),
        engine_silent=engines.silent(now),
        has_worker=has_worker(queue, now),
        executors=_executors(execution, now),
        tenant=_limit(tenant, Execution.objects.filter(tenant=tenant), at[f"tenant:{tenant.pk}"], now),
        queue=_of_queue(queue, at[f"queue:{queue.pk}"], now),
        job=_of_job(job, at[f"job:{job.pk}"], now, counted=named is Wait.JOB_CAP),
        key=_key(execution, now),
        pace=_of_operation(operation) if operation else waiting.FREE,
        lane=_lane(queue, now) if background.is_behind(execution.priority) else waiting.FREE,
        operation_paused=operation is not None and operation.state == OperationState.PAUSED,
        ahead=0 if execution.waiting_on else _ahead(execution),
    )


def has_worker(queue: Queue, now: datetime) -> bool:
    """Whether anybody takes work of it. Of a queue of executors that is asked for each execution, see :mod:`jobs.executors`."""
    if queue.pool == Pool.EXTERNAL:
        return True
    return Worker.objects.filter(queues__contains=[queue.pk], lease_expires_at__gt=now, draining=False).exists()


def _executors(execution: Execution, now: datetime) -> str:
    return executors.awaited(execution, now) if execution.queue.pool == Pool.EXTERNAL else ""


def _limit(
    row: Tenant | Queue | Job, executions: QuerySet[Execution], token_at: datetime | None, now: datetime
) -> Limit:
    cap, rate = row.cap_at(now), f"its {row._meta.model_name}'s rate of {row.rate_limit}" if row.rate_limit else ""
    if cap is None:
        return Limit(rate=rate, token_at=token_at)
    # What others have in flight may not be seen by a tenant; whether that fills the queue may.
    with context.within(context.PLATFORM):
        used = executions.filter(state__in=sorted(IN_FLIGHT)).order_by()[: cap + MOST_AHEAD].count()
    return Limit(is_full=used >= cap, most=cap, used=used, rate=rate, eases_at=_eases_at(row, now), token_at=token_at)


def _of_queue(queue: Queue, token_at: datetime | None, now: datetime) -> Limit:
    """Its cap is no secret; what all tenants have in flight there is the platform's."""
    found = _limit(queue, Execution.objects.filter(queue=queue), token_at, now)
    return found if actors.current().of_platform else replace(found, used=None)


def _of_job(job: Job, token_at: datetime | None, now: datetime, *, counted: bool) -> Limit:
    own = Execution.objects.filter(tenant=job.tenant_id, job=job.pk)
    return _limit(job, own if counted else own.none(), token_at, now)


def _key(execution: Execution, now: datetime) -> Limit:
    """How its concurrency key stands, if that is what it waits for."""
    if is_of_key(execution.waiting_on):
        return _of_key_rate(execution, now)
    return _of_key(execution) if wait_of(execution.waiting_on) is Wait.KEY_CAP else waiting.FREE


def _of_key_rate(execution: Execution, now: datetime) -> Limit:
    """The lowest rate counts: of those that share the key, its own and that of who drew from the bucket last."""
    name = concurrency_keys.name(execution.tenant_id, execution.concurrency_key)
    bucket = RateBucket.objects.filter(pk=f"key:{name}").first()
    ids = [execution.job_id, *([bucket.job_id] if bucket and bucket.job_id else [])]
    found = Job.objects.filter(tenant=execution.tenant_id, pk__in=ids).exclude(key_rate_limit="")
    limits = [(rates.bucket(job.key_rate_limit, job.key_rate_burst), job.key_rate_limit) for job in found]
    if not limits:
        return waiting.FREE
    rule, said = min(limits, key=lambda limit: (limit[0].per_second, limit[0].burst))
    return Limit(
        rate=f"its concurrency key's rate of {said}", token_at=_next_token(rule, bucket, now) if bucket else None
    )


def _of_key(execution: Execution) -> Limit:
    """Under a key the smallest limit counts of those in flight there, and of the one that waits."""
    with context.within(context.PLATFORM):
        flying = Execution.objects.filter(
            tenant=execution.tenant_id, concurrency_key=execution.concurrency_key, state__in=sorted(IN_FLIGHT)
        ).exclude(concurrency_key="")
        limits = list(flying.order_by().values_list("job__max_running_per_key", flat=True)[:MOST_AHEAD])
    return Limit(is_full=True, most=min([execution.job.max_running_per_key, *limits]), used=len(limits))


def _operation(execution: Execution) -> Operation | None:
    """Whose pace it is parked under."""
    if execution.operation_id is None or wait_of(execution.waiting_on) is not Wait.PACE:
        return None
    return Operation.objects.filter(pk=execution.operation_id).only("state", "max_active").first()


def _of_operation(operation: Operation) -> Limit:
    own = Execution.objects.filter(operation_id=operation.pk, state__in=sorted(IN_FLIGHT))
    return Limit(is_full=True, most=operation.max_active, used=own.order_by()[:MOST_AHEAD].count())


def _lane(queue: Queue, now: datetime) -> Limit:
    """What goes behind live work has a share of its queue's live slots, together with that of all tenants."""
    with context.within(context.PLATFORM):
        live = Worker.objects.filter(
            queues__contains=[queue.pk], pool=queue.pool, lease_expires_at__gt=now, draining=False
        )
        most = background.share(live.aggregate(slots=Sum("concurrency", default=0))["slots"])
        behind = Execution.objects.filter(queue=queue, priority__lt=0, state__in=sorted(IN_FLIGHT))
        used = behind.order_by()[: most + 1].count()
    return Limit(is_full=used >= most, most=most, used=used if actors.current().of_platform else None)


def _eases_at(row: Limited, now: datetime) -> datetime | None:
    """The end of its throttle, if that and not its own cap holds now."""
    throttle = row.throttle_at(now)
    return row.throttled_until if throttle is not None and throttle == row.cap_at(now) else None


def _token_at(row: Limited, bucket: RateBucket | None, now: datetime) -> datetime | None:
    """When its bucket holds a token again; None if it does."""
    if bucket is None or not row.rate_limit:
        return None
    return _next_token(rates.bucket(row.rate_limit, row.rate_burst), bucket, now)


def _next_token(rule: rates.Bucket, bucket: RateBucket, now: datetime) -> datetime | None:
    wait = rule.seconds_until_one(rule.holds(bucket.tokens, (now - bucket.updated_at).total_seconds()))
    return now + timedelta(seconds=wait) if wait else None


def position(execution: Execution) -> int | None:
    """Its place in the line it stands in, from 1, counted up to :data:`MOST_AHEAD`; None if it stands in none."""
    return _ahead(execution) + 1 if execution.state == State.PENDING else None


def _ahead(execution: Execution) -> int:
    line = Execution.objects.filter(
        queue=execution.queue_id, tenant=execution.tenant_id, state=State.PENDING, waiting_on=execution.waiting_on
    )
    same = Q(priority=execution.priority)
    older = Q(not_before__lt=execution.not_before) | Q(not_before=execution.not_before, pk__lt=execution.pk)
    before = line.filter(Q(priority__gt=execution.priority) | same & older)
    return before.order_by()[:MOST_AHEAD].count()


def per_second(execution: Execution, found: Waiting) -> float | None:
    """How many of those that hold what it waits for ended a second lately; None if too few to tell."""
    with context.within(context.PLATFORM):
        told = sql.run(
            "ended_lately",
            tenant_id=execution.tenant_id,
            queue=execution.queue_id,
            job_id=execution.job_id if found.code in (Wait.JOB_CAP, Wait.OVERLAP) else None,
            kinds=list(_FREEING),
            window=LATELY,
            most=MOST_EVENTS,
        )[0]
    return told.ended / max(told.seconds, 1.0) if told.ended >= FEW else None
