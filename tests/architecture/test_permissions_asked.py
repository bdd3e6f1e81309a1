"""Every service that changes something asks first whether it may: called by somebody without rights, each refuses."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

import jobs.services
import tenants.services
from jobs import selectors
from jobs.models import (
    Approval,
    Artifact,
    Calendar,
    DeadLetter,
    Dependency,
    Executor,
    Hook,
    JobTemplate,
    MaintenanceWindow,
    Operation,
    Queue,
    Tag,
    WorkflowRun,
)
from tenants import actors, context, requests
from tenants.models import ApiKey, LoginSession, Membership, User
from tests.support import acting, rows
from tests.support import actors as actors_of_tests

#: They write what a service that has asked tells them to, or change nothing.
ASKED_BEFORE = {
    "audit", "tenant_columns", "throttles", "changes", "definitions", "code_jobs", "code_schedules", "data_keys", "payload_checks",
    "payload_judging", "child_payloads", "named_people", "named_secrets",
    "schedule_sets", "dependency_sets", "descriptions", "secret_uses", "new_executions", "deduplication", "failure_groups.group",
    "room", "usage", "named_jobs", "renames", "channel_checks",
    "calendar_fields", "calendars.names", "calendars.days", "calendars.users_of", "calendars.extended_by",
    "job_reading", "job_templates.told", "tags.taken_off",
    "maintenance.told", "maintenance.state_of", "maintenance.upcoming",
    "job_defaults.of_jobs", "job_defaults.of_schedules",
    "jobs.get", "jobs.named", "jobs.told", "queues.told", "schedule_fields", "schedules.begin_anew",
    "schedules.check_payload", "executors.told", "declaring.facts_of", "declaring.instant",
    "revisions.find", "revisions.shown", "revisions.difference",
    "queue_states.hold", "tenant_limits.check", "tenant_limits.told", "members.check", "secrets.reveal", "secrets.reveal_claimed", "secrets.note_use", "audit_export.seals_of",
    "asked_canaries", "event_fields", "reasons", "operations.record", "operations.refuse_ended",
    # Whose token it is may.
    "deliveries.receive", "hooks.good_secrets",
    "joining.find", "joining.accept", "joining.accept_as",
    # What the engine does with nobody asking.
    "audit_sealing",
    # Whoever logs in is nobody yet, and proves who they are.
    "logins.log_in", "logins.refresh", "logins.forget", "logins.by_access_token", "logins.by_id", "logins.failed", "logins.succeeded",
    "logins.visible", "logins.end_others",
}  # fmt: skip


def services() -> dict[str, Any]:
    """Public functions of the service modules, by module.function."""
    found = {}
    for package in (jobs.services, tenants.services):
        for module in pkgutil.iter_modules(package.__path__):
            if module.name in ASKED_BEFORE:
                continue
            loaded = importlib.import_module(f"{package.__name__}.{module.name}")
            for name, function in inspect.getmembers(loaded, inspect.isfunction):
                own = function.__module__ == loaded.__name__ and not name.startswith(("_", "allowed_"))
                if own and f"{module.name}.{name}" not in ASKED_BEFORE:
                    found[f"{module.name}.{name}"] = function
    return found


SERVICES = services()


def test_there_are_services_to_ask():
    assert len(SERVICES) > 25
    assert {"jobs.create", "schedules.update", "executions.trigger", "api_keys.revoke", "tenants.suspend"} <= set(
        SERVICES
    )


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    """A row for each noun that services take; for the rest anything will do, since nobody gets that far."""
    job_id, tenant_id = rows.job()
    rows.schedule((job_id, tenant_id))
    execution_id = rows.execution((job_id, tenant_id))
    with actors_of_tests.platform():
        job = selectors.jobs().get(pk=job_id)
        person = User.objects.create_user(f"{job_id}@example.com")
        found = {
            "job": job,
            "schedule": selectors.schedules().get(job=job),
            "execution": selectors.executions().get(pk=execution_id),
            "artifact": Artifact(tenant=job.tenant),
            "dead_letter": DeadLetter(tenant=job.tenant, job=job),
            "operation": Operation(tenant=job.tenant),
            "approval": Approval(tenant=job.tenant, job=job),
            "run": WorkflowRun(tenant=job.tenant, root_job=job),
            "hook": Hook(tenant=job.tenant),
            "executor": Executor(tenant=job.tenant),
            "dependency": Dependency(tenant=job.tenant, upstream=job, downstream=job),
            "window": MaintenanceWindow(tenant=job.tenant),
            "tenant": job.tenant,
            "queue": Queue.objects.get(pk="default"),
            "calendar": Calendar(tenant=job.tenant),
            "tag": Tag(tenant=job.tenant),
            "template": JobTemplate(tenant=job.tenant),
            "key": ApiKey(tenant=job.tenant),
            "person": person,
            "session": LoginSession(person=person, home=job.tenant),
            "membership": Membership.objects.create(user=person, tenant=job.tenant),
        }
    return found | {"fields": {}, "wanted": [], "scopes": ["admin"]}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_refuses_who_may_nothing_before_it_writes(name: str, arguments: dict[str, Any]) -> None:
    function = SERVICES[name]
    given = {name: arguments.get(name, mock.MagicMock()) for name in inspect.signature(function).parameters}
    scope = context.within(context.PLATFORM)
    by_place = [given.pop("job")] if name == "jobs.lock" else []
    nobody = acting.as_actor(requests.ANONYMOUS)
    said = CaptureQueriesContext(connection)
    with nobody, scope, transaction.atomic(), said, pytest.raises(actors.MissingPermission):
        function(*by_place, **given)
    assert [
        query for query in said if not query["sql"].startswith(("SELECT", "SAVEPOINT", "ROLLBACK", "RELEASE"))
    ] == []
