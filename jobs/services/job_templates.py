"""What users ask of job templates: to keep them, and to make jobs of them. Those of the gallery are everybody's, and stay.

A template makes jobs by the services that make any other, so that each is checked, counted and recorded like one that
somebody wrote. What becomes of the template later is nothing to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

from django.db import IntegrityError, transaction

from jobs import errors, sql
from jobs.gallery import Entry
from jobs.models import Job, JobTemplate
from jobs.rules import template_bodies, template_parameters
from jobs.rules.template_parameters import InvalidParameters
from jobs.services import changes, definitions, job_reading, jobs
from jobs.services.jobs import JobFields
from tenants import actors
from tenants.errors import NotFound
from tenants.models import Tenant
from tenants.quotas import QuotaExceeded
from tenants.refused_items import RefusedItems
from tenants.services import audit

MOST = 200
#: How many jobs are made at once.
MOST_ITEMS = 100
#: What a body may say: a job's fields as the API takes them.
FIELDS = frozenset({*JobFields.__annotations__, "schedules", "depends_on"})
_OWN = ("name", "description", "category", "parameters", "body", "active")
#: Of these the trail tells that they changed; a body may hold what not everybody who may audit may see.
_LONG = frozenset({"parameters", "body"})


class TemplateFields(TypedDict, total=False):
    """What may be said of one. ``parameters`` and ``body`` are replaced whole."""

    name: str
    description: str
    category: str
    parameters: dict[str, Any]
    body: dict[str, Any]
    active: bool


class Wish(TypedDict, total=False):
    """A job to be made of one; without a name it has the template's."""

    name: str
    parameters: dict[str, Any]


Shown = TypeVar("Shown")
#: One of a tenant's, or of the gallery.
Template = JobTemplate | Entry


def create(*, tenant: Tenant, fields: TemplateFields) -> JobTemplate:
    """A new template, at version 1."""
    actors.require("jobs:write", tenant=tenant)
    template = JobTemplate(tenant=tenant, owner=actors.current().own_jobs_of)
    _assign(template, fields)
    with transaction.atomic():
        sql.run("lock_quota", quota="templates", tenant_id=str(tenant.pk))
        if (used := JobTemplate.objects.filter(tenant=tenant).count()) >= MOST:
            message = f"this tenant has {used} templates, which is the most: delete some first"
            raise QuotaExceeded("templates", message, limit=MOST, used=used)
        _store(template)
        _record("created", template, changes.between({}, told(template)))
    return template


def update(*, template: Template, fields: TemplateFields) -> JobTemplate:
    """Merge changes; any makes a new version. Jobs that it made stay as they are."""
    with transaction.atomic():
        kept = lock(template)
        before = told(kept)
        _assign(kept, fields)
        changed = changes.between(before, told(kept))
        if not changed:
            return kept
        changed["version"] = [kept.version, kept.version + 1]
        kept.version += 1
        _store(kept)
        _record("updated", kept, changed)
    return kept


def delete(*, template: Template) -> None:
    """Jobs that it made stay."""
    with transaction.atomic():
        kept = lock(template)
        pk = kept.pk
        kept.delete()
        kept.pk = pk  # Django forgets it, and the trail does not
        _record("deleted", kept, {"name": [kept.name, None]})


def instantiate(*, tenant: Tenant, template: Template, items: Sequence[Wish]) -> list[Job]:
    """A new job for each item: all, or none; refusals name the item."""
    actors.require("jobs:write", tenant=tenant)
    if not template.active:
        message = f"the template {template.name!r} is not active, so it makes no jobs: PATCH it with active true first"
        raise errors.InvalidState(message, state="inactive", allowed_actions=["preview"])
    refusals, made = RefusedItems("items"), []
    with transaction.atomic():
        for place, item in enumerate(items):
            with refusals.of(place):
                made.append(_make(tenant, template, item))
        refusals.raise_any()
    return made


def preview(*, tenant: Tenant, template: Template, item: Wish, show: Callable[[Job], Shown]) -> Shown:
    """What ``show`` says of the job that it would make, which is made in full and taken back; also of one that is not active."""
    actors.require("jobs:write", tenant=tenant)
    with transaction.atomic():
        shown = show(_make(tenant, template, item))
        transaction.set_rollback(True)
    return shown


def told(template: Template) -> dict[str, Any]:
    """All that may be said of it, as it is now."""
    return {name: getattr(template, name) for name in _OWN}


def lock(template: Template) -> JobTemplate:
    """As it is stored now, for whoever may change it; nobody else does before this transaction ends."""
    if isinstance(template, Entry):
        actors.require("jobs:write")
        message = (
            f"{template.name} is built in and stays as it is: make a template of your own with its parameters and body"
        )
        raise errors.Conflict(message)
    actors.require("jobs:write", tenant=template.tenant_id, owner=template.owner)
    kept = JobTemplate.objects.select_for_update(of=("self",)).select_related("tenant").filter(pk=template.pk).first()
    if kept is None:
        raise NotFound("this template was deleted meanwhile")
    return kept


def _make(tenant: Tenant, template: Template, item: Wish) -> Job:
    try:
        found = template_parameters.values(template_parameters.parse(template.parameters), item.get("parameters", {}))
        filled = template_bodies.fill(template.body, found)
    except InvalidParameters as error:
        raise _invalid(error) from None
    fields: Any = job_reading.read(filled | ({"name": item["name"]} if "name" in item else {}))
    own, upstreams = fields.pop("schedules", ()), fields.pop("depends_on", None) or ()
    source = {"template": [None, f"{template.name}, version {template.version}"]}
    return jobs.create(tenant=tenant, fields=fields, schedules=own, depends_on=upstreams, told_of=source)


def _assign(template: JobTemplate, fields: TemplateFields) -> None:
    for name, value in fields.items():
        setattr(template, name, value.strip() if name in ("name", "description", "category") else value)  # type: ignore[attr-defined]
    if not template.name or not template.name.isprintable():
        raise errors.invalid({"name": ["must be text of one line"]})
    for name in sorted(_LONG):
        definitions.check_size(getattr(template, name), name)
    if unknown := sorted(set(template.body) - FIELDS):
        raise errors.invalid({f"body.{name}": ["unknown field of a job"] for name in unknown})
    try:
        template_bodies.check(template.body, template_parameters.parse(template.parameters))
    except InvalidParameters as error:
        raise _invalid(error) from None


def _invalid(error: InvalidParameters) -> errors.Invalid:
    return errors.invalid({place: [message] for place, message in error.problems.items()})


def _store(template: JobTemplate) -> None:
    definitions.check_columns(template, exclude={"tenant", "parameters", "body"})
    try:
        with transaction.atomic():
            template.save()
    except IntegrityError as error:
        if "job_template_name_once" not in str(error):
            raise
        message = f"a template named {template.name!r} exists already: choose another name or change that one"
        raise errors.Conflict.about("name", message) from None


def _record(verb: str, template: JobTemplate, changed: Mapping[str, Any]) -> None:
    audit.record(
        action=f"job_template.{verb}",
        object_type="job_template",
        object_id=template.pk,
        tenant=template.tenant,
        changes={name: [_summed(each) for each in pair] if name in _LONG else pair for name, pair in changed.items()},
    )


def _summed(value: Any) -> str | None:
    return None if value is None else f"{len(json.dumps(value))} characters of JSON"
