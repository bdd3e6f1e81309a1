"""Brings a tenant's jobs to what code declares; see jobs.callables.declarations.

Jobs that are code's carry a tag. All that defines them is code's, their schedules included; their states are
the operators'. Everything goes through the services that people's requests go through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from django.db import transaction
from pydantic_core import to_jsonable_python

from jobs import errors, selectors
from jobs.callables import registry
from jobs.callables.registry import Registered
from jobs.models import Job
from jobs.rules import graphs
from jobs.services import changes, code_schedules, dependency_sets, jobs, schedule_sets
from jobs.services.dependency_sets import DependencyFields, Wish
from jobs.services.jobs import JobFields
from tenants.errors import ServiceError
from tenants.models import Tenant

TAG = "from-code"


class Outcome(StrEnum):
    """What became of one job."""

    CREATED = "create"
    CHANGED = "change"
    UNCHANGED = "unchanged"
    UNDECLARED = "no longer declared"
    DELETED = "delete"
    NOT_ALLOWED = "not allowed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Step:
    """One job's outcome, with what changed or what is wrong."""

    outcome: Outcome
    name: str
    details: list[str] = field(default_factory=list)


def sync(*, tenant: Tenant, prune: bool = False) -> list[Step]:
    """Create and change jobs, and with ``prune`` delete those that code no longer declares.

    A job that is refused does not keep others from being stored: who wants all or nothing rolls back.
    """
    declared = {name: entry for name, entry in sorted(registry.registered().items()) if entry.job}
    own = {job.name: job for job in selectors.jobs().filter(tenant=tenant, tag_rows__tag=TAG)}
    return [
        *(_step(tenant, declared[name], own.get(name)) for name in _ordered(declared)),
        *_gone(own, declared, prune),
    ]


def _ordered(declared: Mapping[str, Registered]) -> list[str]:
    """Upstreams before what depends on them; what waits for itself stands last, to be refused."""
    named = {name: [each.get("job") for each in _given(entry)] for name, entry in declared.items()}
    edges = [(one, name) for name, ones in named.items() for one in ones if isinstance(one, str) and one in declared]
    layered = [name for layer in graphs.layers(edges, declared) for name in layer]
    return [*layered, *(name for name in declared if name not in layered)]


def _gone(own: Mapping[str, Job], declared: Mapping[str, Registered], prune: bool) -> Iterator[Step]:
    for name, job in sorted(own.items()):
        if name not in declared:
            if prune:
                jobs.delete(job=job)
            yield Step(Outcome.DELETED if prune else Outcome.UNDECLARED, name)


def _step(tenant: Tenant, entry: Registered, job: Job | None) -> Step:
    if not registry.allows(tenant.allowed_callables, entry.name):
        return Step(Outcome.NOT_ALLOWED, entry.name)
    try:
        with transaction.atomic():
            return _create(tenant, entry) if job is None else _change(entry, job)
    except ServiceError as error:
        named = [f"{field}: {'; '.join(texts)}" for field, texts in error.details.items() if isinstance(texts, list)]
        return Step(Outcome.REFUSED, entry.name, named or [str(error)])


def _create(tenant: Tenant, entry: Registered) -> Step:
    if jobs.named(tenant=tenant, name=entry.name):
        message = f"a job of this name exists and is not code's: rename it, or give it the tag {TAG}"
        return Step(Outcome.REFUSED, entry.name, [message])
    wanted = code_schedules.wanted(entry, tenant)
    upstreams = _upstreams(entry)
    jobs.create(tenant=tenant, fields=_wanted(entry), schedules=[each.fields for each in wanted], depends_on=upstreams)
    after = [f"after {each['job']}" for each in upstreams]
    return Step(Outcome.CREATED, entry.name, [*(f"schedule {each}" for each in wanted), *after])


def _change(entry: Registered, job: Job) -> Step:
    wanted = _wanted(entry)
    stored = jobs.told(job, sorted(row.tag for row in job.tag_rows.all()))
    before = [dependency_sets.declared(edge) for edge in dependency_sets.of(job)]
    job = jobs.replace(job=job, fields=wanted, depends_on=_upstreams(entry))
    differing = changes.between(stored, jobs.told(job, sorted(row.tag for row in job.tag_rows.all())))
    details = [_told(name, change) for name, change in differing.items()]
    details += schedule_sets.bring(job, code_schedules.wanted(entry, job.tenant))
    dependency_sets.check_gates(job)
    after = [dependency_sets.declared(edge) for edge in dependency_sets.of(job)]
    details += [] if before == after else [_told("depends_on", [_named(before), _named(after)])]
    return Step(Outcome.CHANGED if details else Outcome.UNCHANGED, entry.name, details)


def _wanted(entry: Registered) -> JobFields:
    """The whole definition: what code does not mention has its default, so that taking a line out takes it back."""
    assert entry.job is not None
    given = to_jsonable_python({name: value for name, value in entry.job.fields.items() if name != "depends_on"})
    fields = {
        **given,
        "name": entry.name,
        "type": "python",
        "description": entry.description,
        "tags": sorted({*given.get("tags", ()), TAG}),
        "payload": {**given.get("payload", {}), "callable": entry.name},
    }
    return cast(JobFields, fields)


def _upstreams(entry: Registered) -> list[Wish]:
    """What it declares; only code can say what the API would refuse for its shape."""
    given = _given(entry)
    known = Wish.__annotations__.keys() | DependencyFields.__annotations__.keys()
    for place, each in enumerate(given):
        if unknown := sorted(set(each) - known):
            raise errors.invalid(
                {f"depends_on[{place}].{unknown[0]}": [f"unknown field; known are {', '.join(sorted(known))}"]}
            )
        if not isinstance(each.get("job"), str):
            raise errors.invalid({f"depends_on[{place}].job": ["must be the name of a job"]})
    return cast(list[Wish], given)


def _given(entry: Registered) -> list[dict[str, Any]]:
    assert entry.job is not None
    return [*entry.job.fields.get("depends_on", [])]


def _named(edges: list[dict[str, Any]]) -> list[str]:
    return [each["job"] for each in edges]


def _told(name: str, change: Any) -> str:
    if name == "payload":
        return f"payload: {', '.join(change)}"
    before, after = change
    return f"{name}: {before!r} -> {after!r}"
