"""What is wrong with the jobs that a payload has run, as far as it can be known when it is stored.

They are of the same tenant, are there, and do not come round to the job itself, through whatever other jobs that run jobs.
Two such jobs that are changed at once may name each other nevertheless: then the depth that an execution may have ends it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Q

from jobs import handlers
from jobs.handlers import Handler
from jobs.models import Job, JobState
from jobs.rules.sub_runs import MOST_DEEP

#: Names of jobs that are looked at for one payload.
MOST_LOOKED_AT = 1000


def problems(
    job: Job, handler: Handler[Any], payload: Mapping[str, Any], overridden: Collection[str] | None = None
) -> dict[str, Sequence[str]]:
    """Messages by the payload's field. What a stored payload's fields lead to is looked at for the ``overridden`` alone."""
    named = handler.named_jobs(payload)
    if not named:
        return {}
    there = known(job, set(named.values()))
    refusals = {field: message for field, name in named.items() if (message := _refusal(job, name, there))}
    first = {
        field: there[name]
        for field, name in named.items()
        if field not in refusals and (overridden is None or field.partition(".")[0] in overridden)
    }
    refusals |= _rounds(job, first) if first else {}
    return {field: [message] for field, message in refusals.items()}


def _refusal(job: Job, name: str, known: Mapping[str, Job]) -> str:
    if _is(job, name):
        return f"a job cannot run itself: {job.name} → {job.name}"
    there = known.get(name)
    if there is None:
        return f"there is no job {name!r} in this tenant: make it first, or correct the name"
    if there.state == JobState.DISABLED:
        return f"the job {name!r} is disabled: activate it, or leave it out"
    return ""


def _rounds(job: Job, first: Mapping[str, Job]) -> dict[str, str]:
    """Where ways through jobs that run jobs come back, or go too deep, by the field that they begin at."""
    reached = _reached(job, first.values())
    if reached is None:
        return dict.fromkeys(first, f"runs more than {MOST_LOOKED_AT} different jobs within each other: run fewer")

    @cache
    def wrong(here: str, deep: int) -> tuple[str, tuple[str, ...]] | None:
        """What is wrong from a job on, and the names on the way there."""
        inner = _runs(reached[here])
        if not inner:
            return None
        name = reached[here].name
        if deep >= MOST_DEEP:
            return "deep", (name,)
        if any(_is(job, each) for each in inner):
            return "round", (name,)
        below = (wrong(str(reached[each].pk), deep + 1) for each in sorted(inner) if each in reached)
        return next(((how, (name, *way)) for found in below if found for how, way in [found]), None)

    told = {field: wrong(str(each.pk), 1) for field, each in first.items()}
    return {field: _said(job, *found) for field, found in told.items() if found}


def _said(job: Job, how: str, way: Sequence[str]) -> str:
    path = " → ".join((job.name, *way))
    if how == "deep":
        return f"runs jobs within each other deeper than {MOST_DEEP}: {path}"
    return f"comes round to this job: {path} → {job.name}"


def _reached(job: Job, first: Collection[Job]) -> dict[str, Job] | None:
    """All that can be reached, one look for all of a depth; None if they are too many."""
    reached = {name: each for each in first for name in (each.name, str(each.pk))}
    fresh = {each.pk: each for each in first}
    asked = {each.name for each in fresh.values()}
    for _ in range(MOST_DEEP - 1):
        names = {name for each in fresh.values() for name in _runs(each)}
        asked |= names
        if len(asked) > MOST_LOOKED_AT:
            return None
        found = known(job, names - reached.keys()) if names - reached.keys() else {}
        reached |= found
        fresh = {each.pk: each for each in found.values()}
        if not fresh:
            break
    return reached


def _runs(job: Job) -> set[str]:
    known = handlers.registered().get(job.type)
    return set(known.named_jobs(job.payload).values()) if known else set()


def _is(job: Job, name: str) -> bool:
    return name in (job.name, str(job.pk))


def known(job: Job, names: Iterable[str]) -> dict[str, Job]:
    """Jobs of the same tenant, by the name or id that they are called by."""
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
