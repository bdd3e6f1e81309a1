"""Creating, changing and deleting jobs: revisions, audit, all or nothing."""

from __future__ import annotations

import pytest
from django.db import transaction

from jobs.models import Job, JobRevision
from jobs.services import jobs
from tenants.errors import Invalid, NotFound
from tenants.models import AuditEvent

CRON = {"kind": "cron", "expression": "0 0 * * *"}


def audited(tenant):
    return list(AuditEvent.objects.filter(tenant=tenant).order_by("id").values_list("action", "changes"))


def test_revision_holds_all_that_an_attempt_reads(tenant):
    job = jobs.create(
        tenant=tenant, fields={"name": "a", "type": "dummy", "payload": {"fail_rate": 0}, "retry": {"jitter": False}}
    )
    spec = JobRevision.objects.get(job=job, number=1).spec
    assert spec == {"type": "dummy", "payload": {"fail_rate": 0}, "timeout_seconds": 300, "retry": {"jitter": False}}


def test_nothing_of_a_job_is_stored_when_a_schedule_is_refused(tenant):
    with pytest.raises(Invalid), transaction.atomic():
        jobs.create(
            tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=[CRON, {"kind": "cron", "expression": "?"}]
        )
    assert not Job.objects.filter(tenant=tenant).exists()
    assert audited(tenant) == []


def test_every_change_is_audited_with_old_and_new(tenant):
    job = jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"})
    jobs.update(job=job, fields={"name": "b", "payload": {"fail_rate": 1}})
    jobs.delete(job=job)
    (created, first), (updated, second), (deleted, _) = audited(tenant)
    assert (created, updated, deleted) == ("job.created", "job.updated", "job.deleted")
    assert first["name"] == [None, "a"]
    assert second == {"name": ["a", "b"], "payload": ["fail_rate"], "revision": [1, 2]}


def test_change_that_changes_nothing_leaves_no_trace(tenant):
    job = jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"})
    jobs.update(job=job, fields={"name": "a", "payload": {}})
    assert len(audited(tenant)) == 1


def test_job_deleted_meanwhile_is_not_found(tenant):
    job = jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"})
    jobs.delete(job=job)
    for service in (lambda: jobs.update(job=job, fields={"name": "b"}), lambda: jobs.delete(job=job)):
        with pytest.raises(NotFound):
            service()


def test_fields_are_held_to_the_models_rules_also_without_the_api(tenant):
    for fields in (
        {"priority": 12},
        {"overlap": "?"},
        {"queue": "nowhere"},
        {"timeout_seconds": 0},
        {"tags": ["x" * 65]},
    ):
        with pytest.raises(Invalid), transaction.atomic():
            jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy", **fields})
