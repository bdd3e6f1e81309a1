"""What users ask of dependencies: create, change, delete, and try. An edge belongs to its downstream: whoever may change
that job may say what it waits for, of any job of the tenant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from jobs import errors, selectors
from jobs.models import Dependency, Job
from jobs.services import changes, dependency_sets, jobs
from jobs.services.dependency_sets import DEFAULTS, DependencyFields
from tenants import actors
from tenants.errors import NotFound, ServiceError
from tenants.models import Tenant
from tenants.services import audit


class EdgeFields(DependencyFields):
    """A whole edge; its jobs by id or name."""

    upstream: str
    downstream: str


def create(*, tenant: Tenant, fields: EdgeFields, path: str = "") -> Dependency:
    """A new edge. ``path`` is where a list has it, for messages."""
    actors.require("jobs:write", tenant=tenant)
    ends = {"upstream": fields["upstream"], "downstream": fields["downstream"]}
    with transaction.atomic():
        found = dependency_sets.find(tenant.pk, ends, path)
        job = jobs.lock(found["downstream"])
        graph = dependency_sets.hold(job)
        upstream = dependency_sets.find(tenant.pk, {"upstream": str(found["upstream"].pk)}, path)["upstream"]
        _refuse_second(upstream, job, path)
        edge = dependency_sets.new(upstream, job)
        given: Any = {name: value for name, value in fields.items() if name in DEFAULTS}
        dependency_sets.assign(edge, {**DEFAULTS, **given})
        dependency_sets.put(edge, path)
        dependency_sets.check_gates(job, path)
        dependency_sets.judge(graph, job, path + "upstream")
        _record("created", edge, changes.between({}, {**_ends(edge), **dependency_sets.told(edge)}))
    return edge


def update(*, dependency: Dependency, fields: DependencyFields) -> Dependency:
    """Change how its downstream waits; which jobs it joins is for ever."""
    with transaction.atomic():
        edge = lock(dependency)
        job = edge.downstream
        graph = dependency_sets.Graph(job.tenant_id)
        before = dependency_sets.told(edge)
        dependency_sets.assign(edge, fields)
        changed = changes.between(before, dependency_sets.told(edge))
        if changed:
            dependency_sets.put(edge)
            dependency_sets.check_gates(job)
            dependency_sets.judge(graph, job, "mode")
            _record("updated", edge, {**changed, **_of(edge)})
    return edge


def delete(*, dependency: Dependency) -> None:
    """Its downstream waits for it no more, unless something of that job still reads what the upstream left."""
    with transaction.atomic():
        edge = lock(dependency)
        job = edge.downstream
        told = {name: [value, None] for name, value in {**_ends(edge), **dependency_sets.told(edge)}.items()}
        identifier = edge.pk
        edge.delete()
        dependency_sets.check_reads(job)
        edge.pk = identifier
        _record("deleted", edge, told)


def lock(dependency: Dependency) -> Dependency:
    """As it is now, with its downstream as it is; nobody else changes either before this transaction ends."""
    job = jobs.lock(dependency.downstream)
    dependency_sets.hold(job)
    edge = _now(dependency)
    edge.downstream = job
    return edge


def problem_of(*, tenant: Tenant, wanted: Sequence[EdgeFields]) -> ServiceError | None:
    """Make the edges one after the other; what the first one is refused for, if one is. The caller takes it all back."""
    actors.require("jobs:write", tenant=tenant)
    for place, fields in enumerate(wanted):
        try:
            with transaction.atomic():
                create(tenant=tenant, fields=fields, path=f"dependencies[{place}].")
        except (errors.Invalid, errors.Conflict) as error:
            return error
    return None


def _refuse_second(upstream: Job, downstream: Job, path: str) -> None:
    if Dependency.objects.filter(upstream=upstream, downstream=downstream).exists():
        message = f"{downstream.name!r} depends on {upstream.name!r} already: change that dependency"
        raise errors.Conflict.about(f"{path}upstream", message)


def _now(dependency: Dependency) -> Dependency:
    found = selectors.dependencies().filter(pk=dependency.pk).first()
    if found is None:
        raise NotFound("this dependency was deleted meanwhile")
    return found


def _ends(edge: Dependency) -> dict[str, str]:
    return {"upstream": edge.upstream.name, "downstream": edge.downstream.name}


def _of(edge: Dependency) -> dict[str, Any]:
    """Which edge it is, beside what changed of it."""
    return {name: [value, value] for name, value in _ends(edge).items()}


def _record(verb: str, edge: Dependency, changed: dict[str, Any]) -> None:
    audit.record(
        action=f"dependency.{verb}",
        object_type="dependency",
        object_id=edge.pk,
        tenant=edge.downstream.tenant,
        changes=changed,
    )
