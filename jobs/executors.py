"""What is asked about executors: which there are, and why none has claimed an execution yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from jobs.models import Execution, Executor, Job, JobRevision
from jobs.models.queue import Pool
from jobs.rules import matching
from jobs.rules.matching import Needs, Offer
from jobs.rules.states import State


def executors() -> QuerySet[Executor]:
    """Executors with ``running``, how many executions each holds."""
    return counted(Executor.objects.all())


def counted(rows: QuerySet[Executor]) -> QuerySet[Executor]:
    """These, with that."""
    held = Execution.objects.filter(worker_id=OuterRef("lease_id"), state=State.RUNNING).order_by()
    counted = held.values("worker_id").annotate(n=Count("pk")).values("n")
    return rows.annotate(running=Coalesce(Subquery(counted, output_field=IntegerField()), 0))


def running(executor: Executor) -> int:
    """How many executions one of :func:`executors` holds."""
    return int(getattr(executor, "running", 0))


def held_by(executor: Executor) -> QuerySet[Execution]:
    """What it runs now."""
    if executor.lease_id is None:
        return Execution.objects.none()
    return Execution.objects.filter(worker_id=executor.lease_id, state=State.RUNNING)


def needs_of(execution: Execution) -> Needs:
    """What an execution asks of who runs it: its overrides, then its revision's payload."""
    revision = JobRevision.objects.filter(job=execution.job_id, number=execution.revision)
    stored = revision.values_list("spec__payload", flat=True).first() or {}
    return _needs({**stored, **(execution.payload or {})})


def _needs(payload: Mapping[str, Any]) -> Needs:
    return Needs(tuple(payload.get("capabilities") or ()), payload.get("executor") or "")


def awaited(execution: Execution, now: datetime) -> str:
    """Whom it waits for, and how those stand that would do."""
    needs = needs_of(execution)
    working, problem = _working(execution.tenant_id, str(execution.queue_id), needs, now)
    return f"{matching.described(needs)}: {problem or _room(working)}"


def missing(job: Job, now: datetime) -> str:
    """Whom a job would wait for, if none of them takes work; nothing for a job that workers run."""
    if job.queue.pool != Pool.EXTERNAL:
        return ""
    needs = _needs(job.payload or {})
    problem = _working(job.tenant_id, str(job.queue_id), needs, now)[1]
    return f"it needs {matching.described(needs)}, and {problem}" if problem else ""


def _working(tenant_id: UUID, queue: str, needs: Needs, now: datetime) -> tuple[list[Executor], str]:
    """Those that would do and take work, or why there are none."""
    known = executors().filter(tenant=tenant_id, queues__contains=[queue])
    fitting = [each for each in known if matching.fits(needs, Offer(each.name, each.capabilities))]
    working = [each for each in fitting if each.takes_work(now)]
    return working, "" if working else "none is active" if fitting else "none is registered for its queue"


def _room(working: list[Executor]) -> str:
    free = [each for each in working if running(each) < each.max_concurrent]
    if not free:
        return "it is busy" if len(working) == 1 else f"all {len(working)} are busy"
    return f"{free[0].name} has room and will claim it" if len(free) == 1 else f"{len(free)} have room for it"
