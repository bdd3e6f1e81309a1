"""Whether a job may be called otherwise: not while another job calls it by its name, and would find it no more at its next run."""

from __future__ import annotations

from collections.abc import Iterator

from jobs import errors, handlers
from jobs.handlers import Handler
from jobs.models import Job, JobState
from jobs.services import dependency_sets

#: Jobs that a refusal names.
_NAMED = 5


def check(job: Job, former: str) -> None:
    """Refuse a new name while the former one is read. The job's row is held."""
    dependency_sets.hold(job)
    found = [*_reading(job, former), *_running(job, former)]
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        message = (
            f"other jobs call this one {former!r}, and would not find it any more: {', '.join(found[:_NAMED])}{more}; "
            "take that out of them first, and put it back with the new name"
        )
        raise errors.Invalid.about("name", message)


def _reading(job: Job, former: str) -> Iterator[str]:
    """Downstreams whose conditions or payload read what it left."""
    edges = job.downstream_edges.select_related("downstream").order_by("downstream__name")
    for downstream in (edge.downstream for edge in edges):
        if former in dependency_sets.reads(downstream):
            yield f"{downstream.name} reads its results"


def _running(job: Job, former: str) -> Iterator[str]:
    """Jobs whose payload has them run it. One that calls it by its id does not mind."""
    types = [name for name, each in handlers.registered().items() if type(each).named_jobs is not Handler.named_jobs]
    others = Job.objects.filter(tenant=job.tenant_id, type__in=types).exclude(state=JobState.DELETED).exclude(pk=job.pk)
    for other in others.only("name", "type", "payload").order_by("name").iterator(chunk_size=100):
        if former in handlers.registered()[other.type].named_jobs(other.payload).values():
            yield f"{other.name} runs it"
