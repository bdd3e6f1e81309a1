"""What is wrong with the jobs that a payload has run, as far as it can be known when it is stored.

They are of the same tenant, are there, and do not come round to the job itself, through whatever other jobs that run jobs.
Two such jobs that are changed at once may name each other nevertheless: then the depth that an execution may have ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from jobs import handlers
from jobs.handlers import Handler
from jobs.models import Job, JobState
from jobs.rules.sub_runs import MOST_DEEP


def problems(job: Job, handler: Handler[Any], payload: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Messages by the payload's field."""
    named = handler.named_jobs(payload)
    if not named:
        return {}
    known = _known(job, set(named.values()))
    return {field: [message] for field, name in named.items() if (message := _refusal(job, name, known))}


def _refusal(job: Job, name: str, known: Mapping[str, Job]) -> str:
    if _is(job, name):
        return f"a job cannot run itself: {job.name} → {job.name}"
    there = known.get(name)
    if there is None:
        return f"there is no job {name!r} in this tenant: make it first, or correct the name"
    if there.state == JobState.DISABLED:
        return f"the job {name!r} is disabled: activate it, or leave it out"
    return _round(job, there)


def _round(job: Job, first: Job) -> str:
    """Where a way through jobs that run jobs comes back, or goes too deep."""
    ways: list[list[Job]] = [[first]]
    while ways:
        way = ways.pop()
        path = " → ".join(each.name for each in (job, *way))
        inner = _runs(way[-1])
        if not inner:
            continue
        if len(way) >= MOST_DEEP:
            return f"runs jobs within each other deeper than {MOST_DEEP}: {path}"
        if any(_is(job, name) for name in inner):
            return f"comes round to this job: {path} → {job.name}"
        ways += [
            [*way, each] for each in {each.pk: each for each in _known(job, inner).values()}.values() if each not in way
        ]
    return ""


def _runs(job: Job) -> set[str]:
    known = handlers.registered().get(job.type)
    return set(known.named_jobs(job.payload).values()) if known else set()


def _is(job: Job, name: str) -> bool:
    return name in (job.name, str(job.pk))


def _known(job: Job, names: Iterable[str]) -> dict[str, Job]:
    """By the name or id that they are called by."""
    called = set(names)
    ids = [name for name in called if _is_id(name)]
    rows = Job.objects.filter(Q(name__in=called) | Q(pk__in=ids), tenant=job.tenant_id).exclude(state=JobState.DELETED)
    found = list(rows.only("id", "name", "type", "state", "payload", "tenant_id"))
    return {**{str(row.pk): row for row in found}, **{row.name: row for row in found}}


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
