"""The console as a browser without scripts sees it, and a database with one of everything."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from jobs.rules import identity
from scheduler_project import celery  # noqa: F401 - services ring through it
from tenants.fields import new_id
from tenants.models import User
from tests.support import (  # isort: split
    approvals,
    artifacts,
    executors,
    ids,
    invitees,
    operations,
    rows,
    servers,
    shut,
    tags,
    workflow_runs,
)

#: How long a browser waits, in milliseconds: the machine may do other things beside.
PATIENCE = 120_000
#: Tables a page may touch without changing anything: who is logged in.
SESSIONS = {"django_session"}


def person(*, superuser: bool = True, password: str | None = None) -> User:
    """Somebody; hashing a password takes long, so only who shall type one has one."""
    email = f"{secrets.token_hex(6)}@example.com"
    return User.objects.create_user(email, password, is_superuser=superuser, is_staff=superuser)


def member(tenant: Any, role: str = "viewer", *, of: User | None = None, **columns: Any) -> User:
    """Somebody who belongs to a tenant, or to one more."""
    user = of or person(superuser=False)
    rows.membership(tenant, user.pk, role, **columns)
    return user


def auditor() -> User:
    """Somebody who looks at every tenant and changes nothing."""
    user = person(superuser=False)
    user.is_auditor = True
    user.save(update_fields=["is_auditor"])
    return user


class Console:
    """A logged-in operator."""

    def __init__(self, user: User | None = None, *, csrf: bool = False) -> None:
        self.user = user or person()
        self.client = Client(enforce_csrf_checks=csrf)
        self.client.force_login(self.user)

    def get(self, name: str, *args: Any, **query: Any) -> Any:
        """A page by its URL's name within the admin."""
        return self.client.get(url(name, *args), query)

    def page(self, name: str, *args: Any, **query: Any) -> str:
        """The text of a page that must be there."""
        answer = self.get(name, *args, **query)
        assert answer.status_code == 200, answer.content[:2000]
        return str(answer.content.decode())

    def press(self, name: str, pk: Any, /, **fields: Any) -> Any:
        """Send what a button's dialog would send."""
        return self.client.post(url(name, pk), fields)

    def pressed(self, name: str, pk: Any, /, **fields: Any) -> str:
        """The same, where it must be carried out; returns the page it leads to."""
        answer = self.press(name, pk, **fields)
        assert answer.status_code == 302, problems(answer)
        return str(answer["Location"])


def url(name: str, *args: Any) -> str:
    """An address of the console."""
    return reverse(f"admin:{name}", args=[quote(str(arg)) for arg in args])


def problems(answer: Any) -> list[str]:
    """What a form or a dialog complains about."""
    form = answer.context["form"] if answer.context and "form" in answer.context else None
    return [text for texts in form.errors.values() for text in texts] if form else [answer.content.decode()[:2000]]


def text_of(page: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


@dataclass(frozen=True)
class Furniture:
    """Keys of one row of every kind the console shows, by the model's label."""

    keys: dict[str, Any]

    def __getitem__(self, label: str) -> Any:
        return self.keys[label]


def furnish() -> Furniture:
    """A tenant with one of everything."""
    tenant = rows.tenant()
    job = rows.job(tenant)
    user = person(superuser=False)
    execution, letter = failed_execution(job)
    artifacts.kept(tenant, execution, name="report.csv")
    keys = {
        "tenants.tenant": tenant,
        "jobs.job": job[0],
        "jobs.schedule": rows.schedule(job),
        "jobs.execution": execution,
        "jobs.deadletter": letter,
        "jobs.operation": operations.row(tenant),
        "jobs.workflowrun": workflow_runs.chain(tenant)[0],
        "jobs.approval": approvals.waiting(tenant),
        "jobs.hook": hook(tenant),
        "jobs.receivedevent": received_event(
            tenant, rows.schedule(job, kind="event", expression="", event="order.paid"), job
        ),
        "jobs.worker": rows.worker(),
        "jobs.executor": executors.row(tenant),
        "jobs.queue": "default",
        "tenants.user": user.pk,
        "tenants.membership": rows.membership(tenant, user.pk),
        "tenants.invitation": invitees.invitation(tenant),
        "tenants.apikey": api_key(tenant),
        "tenants.auditevent": audit_event(tenant),
        "jobs.maintenancewindow": shut.maintenance(tenant, job_id=job[0]),
        "tenants.secret": secret(tenant),
        "jobs.calendar": calendar(tenant),
        "jobs.tag": tags.paused(job),
        "jobs.jobtemplate": job_template(tenant),
        **_celery_results(),
    }
    return Furniture(keys)


def failed_execution(job: Any) -> tuple[UUID, UUID]:
    """An exhausted execution with an attempt, a log and its dead letter; returns both keys."""
    started = rows.now()
    error = {"error_code": "EXECUTION_FAILED", "error_message": "<b>the answer was 503</b>"}
    execution = rows.execution(job, "failed", started_at=started, error_fingerprint="f", **error)
    rows.insert(
        "attempt", id=ids.child_of(execution), tenant_id=job[1], execution_id=execution, number=1, epoch=1, state="failed",
        worker_id=uuid4(), worker_pid=1, worker="w@test", queued_at=started, started_at=started, finished_at=rows.now(), **error,
    )  # fmt: skip
    letter = ids.child_of(execution)
    rows.insert(
        "dead_letter", id=letter, tenant_id=job[1], job_id=job[0], execution_id=execution, error_fingerprint="f", state="open",
        closed_by="", created_at=rows.now(), **error,
    )  # fmt: skip
    return execution, letter


def log(execution: UUID, tenant: UUID, messages: list[str], *, first: int = 1, level: str = "info") -> None:
    """A chunk of an execution's log."""
    at = "2026-11-21T10:00:00.123456+00:00"
    rows.change(
        "INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)"
        " VALUES (%s, %s, %s, 1, 1, %s, %s, %s)",
        ids.child_of(execution), tenant, execution, first, first + len(messages) - 1,
        rows.json.dumps([[at, level, "stdout", message] for message in messages]),
    )  # fmt: skip


def api_key(tenant: UUID) -> UUID:
    """A key nobody knows the text of."""
    key = new_id()
    rows.insert(
        "api_key", id=key, tenant_id=tenant, name="billing", key_id=secrets.token_hex(6), digest=b"", scopes=["jobs:read"],
        created_at=rows.now(), created_by="system",
    )  # fmt: skip
    return key


def calendar(tenant: UUID) -> UUID:
    """A calendar with one day; returns its key."""
    key, now = new_id(), rows.now()
    rows.insert(
        "calendar", id=key, tenant_id=tenant, name=f"closed {key}", description="", kind="dates", country="", subdivision="",
        dates='[{"date": "2026-12-24", "until": null, "note": "Closed", "yearly": false}]', extends="[]", weekend="[5, 6]",
        days={"fixed": {"2026-12-24": "Closed"}, "yearly": {}}, digest="d", source="", owner="", created_at=now, updated_at=now,
    )  # fmt: skip
    return key


def job_template(tenant: UUID) -> UUID:
    """A template of a dummy job with one parameter; returns its key."""
    key, now = new_id(), rows.now()
    rows.insert(
        "job_template", id=key, tenant_id=tenant, name=f"template {key}", description="", category="",
        parameters={"properties": {"seconds": {"type": "integer", "maximum": 9, "default": 1}}},
        body={"name": "of a template", "type": "dummy", "payload": {"duration_seconds": "<<seconds>>"}},
        active=True, version=1, owner="", created_at=now, updated_at=now,
    )  # fmt: skip
    return key


def secret(tenant: UUID) -> UUID:
    """A connection with two versions nobody can open."""
    key = new_id()
    made = {"tenant_id": tenant, "created_at": rows.now(), "created_by": "system"}
    rows.insert("secret", id=key, name="warehouse", kind="redis", description="", version=2, newest=2, **made)
    for number in (1, 2):
        rows.insert("secret_version", id=new_id(), secret_id=key, number=number, sealed=b"sealed", **made)
    return key


def hook(tenant: UUID, **columns: Any) -> UUID:
    """A hook whose address and secret nobody knows."""
    key = new_id()
    defaults = {
        "id": key, "tenant_id": tenant, "name": f"hook-{secrets.token_hex(4)}", "event": "order.paid", "scheme": "github",
        "headers": "[]", "description": "", "enabled": True, "digest": secrets.token_bytes(32), "hint": "hk_abcde",
        "created_at": rows.now(), "created_by": "system",
    }  # fmt: skip
    rows.insert("hook", **(defaults | columns))
    return key


def received_event(tenant: UUID, schedule: UUID, job: Any, **columns: Any) -> UUID:
    """An event that one schedule did not take."""
    key = identity.request_id(rows.now())
    left = {
        "schedule": str(schedule),
        "job": str(job[0]),
        "job_name": "<b>a</b>",
        "reason": "FILTER",
        "detail": "1 > 2",
    }
    defaults = {
        "id": key, "tenant_id": tenant, "name": "order.paid", "sender": "key:abc", "dedup_key": "", "outcome": "left_out",
        "problem": "", "started": "[]", "left_out": rows.json.dumps([left]), "payload_size": 2, "request_id": "",
        "received_at": rows.now(),
    }  # fmt: skip
    rows.insert("received_event", **(defaults | columns))
    return key


def audit_event(tenant: UUID | None) -> UUID:
    """A line of the audit trail."""
    event = identity.request_id(rows.now())
    rows.insert(
        "audit_event", id=event, tenant_id=tenant, at=rows.now(), actor="system", action="job.created", object_type="job",
        object_id=str(uuid4()), changes={"name": [None, "x"]}, reason="", request_id="",
    )  # fmt: skip
    return event


def _celery_results() -> dict[str, Any]:
    now = rows.now()
    kept = {"content_type": "application/json", "content_encoding": "utf-8", "date_created": now, "date_done": now}
    task, group = secrets.token_hex(8), secrets.token_hex(8)
    rows.insert("django_celery_results_taskresult", task_id=task, status="SUCCESS", result="1", **kept)
    rows.insert("django_celery_results_groupresult", group_id=group, result="1", **kept)
    tables = {"taskresult": ("task_id", task), "groupresult": ("group_id", group)}
    return {
        f"django_celery_results.{name}": rows.fetch(
            f"SELECT id FROM django_celery_results_{name} WHERE {column} = %s", key
        )[0][0]
        for name, (column, key) in tables.items()
    }


def contents() -> dict[str, tuple[int, str]]:
    """Every table's row count and a hash of all that is in it."""
    tables = rows.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    with servers.superuser() as connection:
        return {
            name: connection.execute(
                f"SELECT count(*), md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM {name} t"
            ).fetchone()  # type: ignore[misc]
            for (name,) in tables
            if name not in SESSIONS
        }


@pytest.fixture
def console() -> Console:
    """A platform administrator at the console."""
    return Console()
