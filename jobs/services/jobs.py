"""What users ask of a job's definition: create, change, delete. Its states are in :mod:`jobs.services.job_states`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

from django.db import IntegrityError, transaction

from jobs import errors, selectors, sql
from jobs.engine import dispatch, transitions
from jobs.models import Job, JobRevision, JobState, JobTag, ScheduleState
from jobs.rules import templates
from jobs.services import changes, definitions, dependency_sets, job_defaults, renames, room, schedules, secret_uses
from jobs.services import tags as tag_states
from jobs.services.dependency_sets import Wish
from jobs.services.schedule_fields import ScheduleFields
from tenants import actors
from tenants.errors import NotFound
from tenants.models import Tenant
from tenants.refused_items import RefusedItems
from tenants.rules.quotas import JOBS
from tenants.services import audit


class JobFields(TypedDict, total=False):
    """What a client may say of a job; what is left out has its default, or stays. None is the default."""

    name: str
    type: str
    description: str
    category: str
    tags: list[str]
    payload: dict[str, Any]
    queue: str
    priority: int
    timeout_seconds: float
    soft_timeout_seconds: float | None
    max_wait_seconds: float | None
    max_total_seconds: float | None
    pause_after_failures: int | None
    on_failure: list[str]
    on_success: list[str]
    max_running: int | None
    concurrency_key: str
    max_running_per_key: int
    key_rate_limit: str
    key_rate_burst: int | None
    dedup_key: str
    dedup_seconds: float | None
    dedup_conflict: str
    rate_limit: str
    rate_burst: int | None
    overlap: str
    retry: dict[str, Any]
    owner: str


#: Fields that are objects: a change is merged into them.
MERGED = {"payload", "retry"}


#: Puts what is asked for into a job with these tags; returns its tags to be.
Assign = Callable[[Job, list[str]], list[str]]


def create(
    *,
    tenant: Tenant,
    fields: JobFields,
    schedules: Sequence[ScheduleFields] = (),
    depends_on: Sequence[Wish] = (),
    gates_later: bool = False,
    told_of: Mapping[str, Any] | None = None,
) -> Job:
    """A new active job, revision 1, with its schedules and upstreams. Nothing is stored if any of it is refused.

    With ``gates_later`` the caller adds schedules, then asks :func:`dependency_sets.check_gates`. ``told_of`` goes to the audit trail beside what the job is.
    """
    job = Job(tenant=tenant)
    tags = _renew(job, fields)
    _require(job)
    definitions.check_job(job, tags)
    with transaction.atomic():
        sql.run("let_calendars_be", tenant_id=str(tenant.pk))
        room.for_one_more(tenant, JOBS)
        _save(job)
        _store_tags(job, tags)
        secret_uses.note(job)
        _add_revision(job)
        _add_schedules(job, schedules)
        edges = _bring_upstreams(job, depends_on or None)
        if depends_on and not gates_later:
            dependency_sets.check_gates(job, wanted=depends_on)
        _record("job.created", job, {**changes.between({}, told(job, tags)), **edges, **(told_of or {})})
    return get(tenant=tenant, job=job)


def create_all(*, tenant: Tenant, wanted: Sequence[JobFields]) -> list[Job]:
    """Each as :func:`create` does, its fields with its ``schedules`` and ``depends_on``; all or none, refusals named by their place."""
    actors.require("jobs:write", tenant=tenant)
    refusals, made = RefusedItems("jobs"), []
    with transaction.atomic():
        for place, given in enumerate(wanted):
            fields: Any = dict(given)
            own, upstreams = fields.pop("schedules", ()), fields.pop("depends_on", None) or ()
            with refusals.of(place):
                made.append(create(tenant=tenant, fields=fields, schedules=own, depends_on=upstreams))
        refusals.raise_any()
    return made


def update(*, job: Job, fields: JobFields, depends_on: Sequence[Wish] | None = None) -> Job:
    """Merge changes; objects inside are merged too. What a run reads makes a new revision.

    ``depends_on`` is all that it depends on; None leaves that as it is.
    """
    with transaction.atomic():
        job = change(job=job, assign=lambda stored, tags: _merge(stored, fields, tags), depends_on=depends_on)
        if depends_on is not None:
            dependency_sets.check_gates(job, wanted=depends_on)
    return job


def replace(*, job: Job, fields: JobFields, depends_on: Sequence[Wish] | None = None) -> Job:
    """The same, but of the fields whatever is left out takes its default. Who calls it has schedules to bring, then
    :func:`dependency_sets.check_gates` to ask."""
    return change(job=job, assign=lambda stored, _: _renew(stored, fields), depends_on=depends_on)


def change(
    *,
    job: Job,
    assign: Assign,
    depends_on: Sequence[Wish] | None = None,
    action: str = "job.updated",
    told_of: Mapping[str, Any] | None = None,
) -> Job:
    """Store what ``assign`` makes of it, if that is anything else, and the upstreams that it is to have."""
    with transaction.atomic():
        job = lock(job)
        tags = [row.tag for row in job.tag_rows.all()]
        before, spec = told(job, tags), _spec(job)
        worn, tags = tags, assign(job, tags)
        _require(job)  # nobody gives away what they could not take back
        definitions.check_job(job, tags, kept=changes.kept(before, job.type, job.payload))
        if job.name != before["name"]:
            renames.check(job, before["name"])
        changed = changes.between(before, told(job, tags))
        edges = _bring_upstreams(job, depends_on)
        if not changed:
            if edges:
                _record(action, job, edges)
            return get(tenant=job.tenant, job=job)
        if before["pause_after_failures"] is None:
            job.failed_in_a_row = 0  # not kept until now
        if not changes.same(_spec(job), spec):
            changed["revision"] = [job.revision, job.revision + 1]
            job.revision += 1
            _add_revision(job)
        _save(job)
        _store_tags(job, tags)
        tag_states.taken_off(tenant_id=job.tenant_id, job_id=job.pk, tags=set(worn) - set(tags))
        secret_uses.note(job)
        _record(action, job, {**changed, **edges, **(told_of or {})})
        dispatch.ring_after_commit()  # a raised cap may let waiting ones go
    return get(tenant=job.tenant, job=job)


def delete(*, job: Job) -> None:
    """Its name is free again, its schedules and dependencies end; what waits is cancelled, what runs or ran stays until retention."""
    with transaction.atomic():
        job = lock(job)
        changed = {"name": [job.name, None], "state": [job.state, JobState.DELETED]}
        job.state = JobState.DELETED
        job.save(update_fields=["state", "updated_at"])
        job.schedules.exclude(state=ScheduleState.DELETED).update(state=ScheduleState.DELETED)
        cancel = partial(transitions.cancel_waiting_of, tenant_id=job.tenant_id, job_id=job.pk)
        cancel()
        transaction.on_commit(cancel, robust=True)  # what somebody was moving; what is left even so, retention finds
        edges = dependency_sets.end(job)
        _record("job.deleted", job, {**changed, **({"dependencies": [edges, None]} if edges else {})})


def get(*, tenant: Tenant, job: Job) -> Job:
    """The job as it is stored now."""
    return selectors.jobs().get(tenant=tenant, pk=job.pk)


def named(*, tenant: Tenant, name: str) -> Job | None:
    """The job of that name."""
    return selectors.jobs().filter(tenant=tenant, name=name).first()


def lock(job: Job) -> Job:
    """The job as it is stored now, for whoever may change it; nobody else does before this transaction ends."""
    with errors.locking(job.name):
        sql.run("let_calendars_be", tenant_id=str(job.tenant_id))
        found = selectors.jobs().select_for_update(of=("self",), no_key=True).filter(pk=job.pk).first()
    if found is None:
        raise NotFound("this job was deleted meanwhile")
    _require(found)
    return found


def _require(job: Job) -> None:
    actors.require("jobs:write", tenant=job.tenant_id, owner=job.owner)


def _merge(job: Job, fields: JobFields, tags: list[str]) -> list[str]:
    """Put the fields into the job, merged with what it has; returns its tags to be."""
    default = _defaults(job.tenant)
    given: dict[str, Any] = {name: default[name] if value is None else value for name, value in fields.items()}
    for name in MERGED & set(given):
        if fields[name] is not None:  # type: ignore[literal-required]
            given[name] = changes.merge_patch(getattr(job, name), given[name])
    return _assign(job, given, tags)


def _renew(job: Job, fields: JobFields) -> list[str]:
    """Put a whole definition into the job: the fields, and defaults for all others; returns its tags to be."""
    default = _defaults(job.tenant)
    given = {**default, **{name: value for name, value in fields.items() if value is not None}}
    # As a merge stores them: without nulls.
    return _assign(job, given | {name: changes.merge_patch({}, given[name]) for name in MERGED}, [])


def _assign(job: Job, values: Mapping[str, Any], tags: list[str]) -> list[str]:
    for name, value in values.items():
        if name == "tags":
            tags = sorted(set(value))
        else:
            setattr(job, "queue_id" if name == "queue" else name, value)
    return tags


def _defaults(tenant: Tenant) -> dict[str, Any]:
    return told(Job(owner=actors.current().own_jobs_of, **job_defaults.of_jobs(tenant)), [])


def _save(job: Job) -> None:
    try:
        with transaction.atomic():
            job.save()
    except IntegrityError as error:
        if "job_name_once" not in str(error):
            raise
        message = f"a job named {job.name!r} exists already: choose another name or change that job"
        raise errors.Conflict.about("name", message) from None


def _store_tags(job: Job, tags: Iterable[str]) -> None:
    job.tag_rows.exclude(tag__in=tags).delete()
    rows = [JobTag(tenant_id=job.tenant_id, job=job, tag=tag) for tag in tags]
    JobTag.objects.bulk_create(rows, ignore_conflicts=True)


def _add_revision(job: Job) -> None:
    JobRevision.objects.create(
        tenant_id=job.tenant_id,
        job=job,
        number=job.revision,
        spec=_spec(job),
        created_by=actors.current().name,
    )


def _add_schedules(job: Job, given: Sequence[ScheduleFields]) -> None:
    for index, fields in enumerate(given):
        schedules.create(job=job, fields=fields, path=f"schedules[{index}].")


def _bring_upstreams(job: Job, wanted: Sequence[Wish] | None) -> dict[str, Any]:
    """What changed of its upstreams, if they are to be these; its payload may read no others."""
    if wanted is not None:
        return dependency_sets.bring(job, wanted)
    if "upstream" in json.dumps(job.payload):
        dependency_sets.check_reads(job)
    return {}


def _spec(job: Job) -> dict[str, Any]:
    """All that an attempt reads. Whether there are expressions is said here, so that no attempt looks for them."""
    spec = {"type": job.type, "payload": job.payload, "timeout_seconds": job.timeout_seconds, "retry": job.retry}
    return {**spec, "expressions": True} if templates.BEGIN in json.dumps(job.payload) else spec


def told(job: Job, tags: list[str]) -> dict[str, Any]:
    """All that a client may say of a job, as it is now."""
    values: dict[str, Any] = {
        name: getattr(job, name) for name in JobFields.__annotations__ if name not in ("tags", "queue")
    }
    return {**values, "queue": job.queue_id, "tags": tags}


def _record(action: str, job: Job, changed: dict[str, Any]) -> None:
    audit.record(action=action, object_type="job", object_id=job.pk, tenant=job.tenant, changes=changed)
