"""What users ask of secrets where jobs come into it: connections of a known kind, who uses them, trying them out."""

from __future__ import annotations

from collections.abc import Mapping

import pydantic
from django.db import transaction

from jobs import connections, errors
from jobs.models import Execution, Job
from jobs.services import executions, jobs, payload_judging, secret_uses
from tenants import actors
from tenants.models import Secret, Tenant
from tenants.services import secrets
from tenants.services.secrets import TEXT, Value

#: The job whose executions are tests of connections; made with the first.
TESTS = "connection-tests"
TEST_TYPE = "connection_test"
MOST_TOLD = 10


class InUse(errors.Conflict):
    """Jobs use this secret."""


def create(*, tenant: Tenant, name: str, value: Value, kind: str = TEXT, description: str = "") -> Secret:
    """A new secret; a connection must have what its kind wants."""
    actors.require(secrets.PERMISSION, tenant=tenant)
    if kind != TEXT and kind not in connections.types():
        known = ", ".join((TEXT, *connections.kinds()))
        raise errors.invalid({"kind": [f"is unknown; known are {known}"]})
    return secrets.create(tenant=tenant, name=name, value=_checked(kind, value), kind=kind, description=description)


def change(*, secret: Secret, description: str | None = None, value: Value | None = None) -> Secret:
    """Describe it anew, and put a new version in force. A connection's value is given whole: nobody can read the former."""
    actors.require(secrets.PERMISSION, tenant=secret.tenant_id)
    checked = None if value is None else _checked(secret.kind, value)
    if checked is not None:
        _refuse_others_jobs(secret)
    return secrets.change(secret=secret, description=description, value=checked)


def rollback(*, secret: Secret, version: int) -> Secret:
    """Put another of its versions in force."""
    actors.require(secrets.PERMISSION, tenant=secret.tenant_id)
    _refuse_others_jobs(secret)
    return secrets.rollback(secret=secret, version=version)


def delete(*, secret: Secret, force: bool = False) -> None:
    """Destroy it. Refused while jobs name it, unless forced: what they start from then on fails, and says so."""
    with transaction.atomic():
        secret = secrets.lock(secret)
        _refuse_others_jobs(secret)
        names = list(secret_uses.users_of(secret).order_by("name").values_list("name", flat=True)[: MOST_TOLD + 1])
        if names and not force:
            more = " and others" if len(names) > MOST_TOLD else ""
            message = f"{', '.join(names[:MOST_TOLD])}{more} would fail: change those jobs first, or force it"
            raise InUse(f"jobs use this secret: {message}", details={"jobs": names[:MOST_TOLD]})
        secrets.delete(secret=secret)


def test_connection(*, secret: Secret) -> Execution:
    """Try a connection out on a worker. The execution's result says how far it got."""
    actors.require(secrets.PERMISSION, tenant=secret.tenant_id)
    if secret.kind == TEXT:
        raise errors.invalid({"kind": ["text leads nowhere: only a connection can be tested"]})
    # Who may change a connection may try it out, without the right to make jobs of their own choice.
    with transaction.atomic(), actors.entitled("jobs:write", "executions:run"):
        return executions.trigger(job=_job_of_tests(secret.tenant), payload={"connection": secret.name})


def _refuse_others_jobs(secret: Secret) -> None:
    """An editor of own jobs changes nobody else's, and another value changes whatever uses it."""
    own = actors.current().own_jobs_of
    if not own:
        return
    others = secret_uses.users_of(secret).exclude(owner__iexact=own).order_by("name")
    if (job := others.first()) is not None:
        raise actors.MissingPermission(
            f"jobs that are not yours use this secret, such as {job.name}: ask an editor of all jobs to change it",
            details={"required": secrets.PERMISSION, "job": job.name},
        )


def _job_of_tests(tenant: Tenant) -> Job:
    job = jobs.named(tenant=tenant, name=TESTS)
    if job is None:
        try:
            with transaction.atomic():
                return _make_job_of_tests(tenant)
        except errors.Conflict:  # another test made it just now
            job = jobs.named(tenant=tenant, name=TESTS)
    if job is None or job.type != TEST_TYPE:
        raise errors.Conflict(f"a job named {TESTS} is in the way of tests: give it another name")
    return job


def _make_job_of_tests(tenant: Tenant) -> Job:
    return jobs.create(
        tenant=tenant,
        fields={
            "name": TESTS,
            "type": TEST_TYPE,
            "description": "Each execution tried a connection out for somebody.",
            "payload": {"must_pass": False},
            "timeout_seconds": 60,
            "overlap": "allow",
            "retry": {"max_attempts": 1},
        },
    )


def _checked(kind: str, value: Value) -> Value:
    """A connection's fields, those left out with their defaults; of text, what was given."""
    if kind == TEXT or not isinstance(value, Mapping):
        return value
    try:
        return connections.plain(connections.check(kind, value))
    except pydantic.ValidationError as error:
        raise errors.invalid(payload_judging.details(error, value, "value", connections.types()[kind])) from None
