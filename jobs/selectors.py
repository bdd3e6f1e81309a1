"""Reads that join, merge or page: what the API and the console show."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Count, F, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Now

from jobs import coming
from jobs.coming import Run
from jobs.models import (
    Artifact,
    ArtifactState,
    Attempt,
    AttemptState,
    Dependency,
    Execution,
    ExecutionLog,
    Executor,
    Job,
    JobRevision,
    JobState,
    JobTag,
    Queue,
    Schedule,
    ScheduleState,
    TriggerKind,
    Worker,
)
from jobs.rules import identity
from jobs.rules.states import IN_FLIGHT, State
from tenants.rules.ids import id_of

#: A page of a log ends after about this many characters, however many lines were asked for.
LOG_PAGE_CHARS = 1024 * 1024


TAGS = Prefetch("tag_rows", JobTag.objects.order_by("tag"))
OWN_SCHEDULES = Prefetch("schedules", Schedule.objects.exclude(state=ScheduleState.DELETED).order_by("id"))
_EDGES = Dependency.objects.select_related("upstream").defer("upstream__payload", "upstream__retry").order_by("id")
UPSTREAMS = Prefetch("upstream_edges", _EDGES)
_REVISION = JobRevision.objects.filter(job_id=OuterRef("job_id"), number=OuterRef("revision"))
_TOLD = {
    "revision_payload": Subquery(_REVISION.values("spec__payload")),
    "worker_name": Coalesce(
        Subquery(Worker.objects.filter(pk=OuterRef("worker_id")).values("name")),
        Subquery(Executor.objects.filter(lease_id=OuterRef("worker_id")).values("name")),
    ),
}


def jobs() -> QuerySet[Job]:
    """Jobs that are not deleted, with their tags, schedules and upstreams."""
    return Job.objects.exclude(state=JobState.DELETED).prefetch_related(TAGS, OWN_SCHEDULES, UPSTREAMS)


def jobs_called(tenant_id: UUID, names_and_ids: Collection[str]) -> dict[str, Job]:
    """A tenant's jobs by what a request calls them, in one look-up; without tags, schedules and upstreams."""
    ids = {text: id_of(text) for text in names_and_ids if "\0" not in text}
    wanted = Q(pk__in=[each for each in ids.values() if each]) | Q(
        name__in=[name for name, each in ids.items() if not each]
    )
    found: dict[object, Job] = {}
    for row in jobs().prefetch_related(None).filter(wanted, tenant=tenant_id):
        found[row.pk] = found[row.name] = row
    named = {text: found.get(each or text) for text, each in ids.items()}
    return {text: row for text, row in named.items() if row}


def dependencies() -> QuerySet[Dependency]:
    """Edges, with both jobs and their tenant."""
    return Dependency.objects.select_related("upstream", "downstream__tenant").defer(
        "upstream__payload", "upstream__retry"
    )


def upstream_edges() -> QuerySet[Dependency]:
    """Edges as a job's ``depends_on`` tells them, in its order."""
    return _EDGES.all()


def edges_at(tenant_id: UUID, job_ids: Collection[UUID]) -> list[Dependency]:
    """The edges that lead to or from any of these jobs."""
    ends = Q(upstream__in=job_ids) | Q(downstream__in=job_ids)
    return list(dependencies().filter(ends, tenant=tenant_id).order_by("id"))


def schedules() -> QuerySet[Schedule]:
    """Schedules that are not deleted, with their jobs."""
    return Schedule.objects.exclude(state=ScheduleState.DELETED).select_related("job")


def executions() -> QuerySet[Execution]:
    """Executions with their job, ``revision_payload`` (before overrides) and ``worker_name``."""
    return with_told(Execution.objects.select_related("job"), _TOLD)


def with_told(executions: QuerySet[Execution], names: Collection[str]) -> QuerySet[Execution]:
    """Executions with what other tables hold of them, by the names of :func:`executions`."""
    return executions.annotate(**{name: found for name, found in _TOLD.items() if name in names})


def queues() -> QuerySet[Queue]:
    """Queues with what there is to say of them."""
    return with_load(Queue.objects.all())


def with_load(queues: QuerySet[Queue]) -> QuerySet[Queue]:
    """Queues with ``flying``, the executions in flight, and ``seats``, the slots of live workers or places of executors.

    Both are the whole platform's only where the platform is in scope.
    """
    flights = Execution.objects.filter(queue=OuterRef("pk"), state__in=sorted(IN_FLIGHT)).order_by()
    crews = Worker.objects.filter(
        queues__contains=[OuterRef("pk")], lease_expires_at__gt=Now(), draining=False
    ).order_by()
    theirs = Executor.objects.filter(
        queues__contains=[OuterRef("pk")], lease_expires_at__gt=Now(), state="active", draining=False
    ).order_by()
    return queues.annotate(
        flying=Subquery(flights.values("queue").annotate(n=Count("pk")).values("n"), output_field=IntegerField()),
        seats=Coalesce(
            Subquery(
                crews.annotate(all=Value(1)).values("all").annotate(n=Sum("concurrency")).values("n"),
                output_field=IntegerField(),
            ),
            Subquery(
                theirs.annotate(all=Value(1)).values("all").annotate(n=Sum("max_concurrent")).values("n"),
                output_field=IntegerField(),
            ),
        ),
    )


def queue_state(queue: Any) -> str:
    """How a queue of :func:`queues` stands: a paused one drains while something is in flight."""
    if queue.paused_at is None:
        return "active"
    return "draining" if queue.flying else "drained"


def attempts(execution_id: UUID) -> QuerySet[Attempt]:
    """An execution's attempts, first to last."""
    return Attempt.objects.filter(execution_id=execution_id, **_same_partition(execution_id)).order_by("epoch")


def artifacts(execution_id: UUID) -> QuerySet[Artifact]:
    """What an execution left and nobody has deleted, by name; at most a thousand."""
    return Artifact.objects.filter(execution_id=execution_id).exclude(state=ArtifactState.DELETED).order_by("name")


def attempts_of(execution_ids: Collection[UUID]) -> QuerySet[Attempt]:
    """The attempts of several executions, each's first to last."""
    stamps = sorted(identity.milliseconds(execution_id) << 80 for execution_id in execution_ids)
    if not stamps:
        return Attempt.objects.none()
    # Said so, only the partitions between the oldest and the newest are read.
    between = {"id__gte": UUID(int=stamps[0]), "id__lt": UUID(int=stamps[-1] + (1 << 80))}
    return Attempt.objects.filter(execution_id__in=execution_ids, **between).order_by("execution_id", "epoch")


def runs_anyway(skipped: Execution) -> QuerySet[Execution]:
    """What a skipped row's slots were run as later, by somebody or by a backfill, the newest first."""
    first, last = skipped.scheduled_for, skipped.folded_until or skipped.scheduled_for
    if skipped.schedule_id is None or first is None:
        return Execution.objects.none()
    rows = Execution.objects.filter(
        tenant=skipped.tenant_id, schedule=skipped.schedule_id, trigger=TriggerKind.BACKFILL
    )
    return rows.filter(scheduled_for__gte=first, scheduled_for__lte=last).exclude(state=State.SKIPPED).order_by("-pk")


def standing(rows: QuerySet[Execution]) -> QuerySet[Execution]:
    """Without what a step that ran again stands for: ids of one workflow run are of one instant, and do not tell which came later."""
    return rows.filter(superseded=False)


def newest_executions(jobs: Iterable[Job]) -> Iterator[tuple[UUID, UUID]]:
    """The id of each job's newest execution that is kept, if it has any."""
    rows = standing(Execution.objects.filter(tenant=OuterRef("tenant"), job=OuterRef("pk")))
    newest = rows.order_by("-id").values("pk")[:1]
    found = Job.objects.filter(pk__in=[job.pk for job in jobs]).annotate(newest=Subquery(newest))
    return found.filter(newest__isnull=False).values_list("pk", "newest").iterator()


def earlier_result(execution_id: UUID) -> Any:
    """The result of the newest of its attempts that stored one; None if none did. What deferrals keep is none."""
    stored = attempts(execution_id).filter(result__isnull=False).exclude(state=AttemptState.DEFERRED)
    return stored.order_by("-epoch").values_list("result", flat=True).first()


def kept(execution_id: UUID) -> Any:
    """What its newest deferral kept, unless an attempt has failed since; those that were lost or given back change nothing."""
    decided = attempts(execution_id).filter(state__in=[AttemptState.DEFERRED, AttemptState.FAILED]).order_by("-epoch")
    newest = decided.values("state", "result").first()
    return newest["result"] if newest and newest["state"] == AttemptState.DEFERRED else None


def told_to_expressions(execution_id: UUID) -> Mapping[str, Any]:
    """What a payload's expressions may read of an execution, beside what its claim says."""
    rows = Execution.objects.filter(pk=execution_id)
    return rows.values("trigger", "scheduled_for", "created_at", tenant_name=F("tenant__name")).get()


def log(
    execution_id: UUID, *, after: int, levels: frozenset[str], limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Lines after a sequence number, and the number to go on after, or None at the end."""
    lines: list[dict[str, Any]] = []
    size = 0
    for line in _lines(execution_id, after):
        if line["level"] not in levels:
            continue
        if len(lines) == limit or size > LOG_PAGE_CHARS:
            return lines, lines[-1]["seq"]
        lines.append(line)
        size += len(line["message"])
    return lines, None


def _lines(execution_id: UUID, after: int) -> Iterator[dict[str, Any]]:
    chunks = ExecutionLog.objects.filter(execution_id=execution_id, last_seq__gt=after, **_same_partition(execution_id))
    for chunk in chunks.order_by("last_seq").iterator(chunk_size=20):
        for seq, (at, level, stream, message) in enumerate(chunk.lines, chunk.first_seq):
            if seq > after:
                yield {
                    "seq": seq,
                    "attempt": chunk.attempt,
                    "at": at,
                    "level": level,
                    "stream": stream,
                    "message": message,
                }


def _same_partition(execution_id: UUID) -> dict[str, UUID]:
    """Ids of what belongs to an execution begin with its milliseconds; said so, only one partition is read."""
    first = identity.milliseconds(execution_id) << 80
    return {"id__gte": UUID(int=first), "id__lt": UUID(int=first + (1 << 80))}


def upcoming(job: Job, after: datetime, count: int) -> list[tuple[Run, Schedule]]:
    """The next runs over all of a job's schedules; none while the job or the schedule is held."""
    active = [schedule for schedule in job.schedules.all() if schedule.state == ScheduleState.ACTIVE]
    if job.state != JobState.ACTIVE:
        active = []
    runs = [_with(schedule, after) for schedule in active]
    return list(islice(heapq.merge(*runs, key=lambda pair: pair[0].slot.at), count))


def _with(schedule: Schedule, after: datetime) -> Iterator[tuple[Run, Schedule]]:
    return ((run, schedule) for run in coming.runs(schedule, after))
