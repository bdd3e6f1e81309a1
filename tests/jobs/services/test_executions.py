"""Runs asked for by people: who asked is on record, and the engine is woken once it is committed."""

from __future__ import annotations

import pytest
from django.db import transaction

from jobs import errors, selectors
from jobs.engine import dispatch
from jobs.services import executions, job_states, jobs
from tenants import context
from tenants.errors import Invalid
from tenants.models import AuditEvent
from tests.support import rows


@pytest.fixture
def rings(monkeypatch):
    heard = []
    monkeypatch.setattr(dispatch, "ring_after_commit", lambda: heard.append(True))
    return heard


@pytest.fixture
def job(tenant):
    return jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy", "payload": {"fail_rate": 0}})


def test_the_engine_is_rung_for_whatever_may_have_become_due(tenant, job, rings):
    execution = executions.trigger(job=job)
    executions.cancel(execution=execution)
    executions.replay(execution=selectors.executions().get(pk=execution.pk))
    jobs.update(job=job, fields={"max_running": 3})
    job_states.pause(job=job)
    job_states.resume(job=job)
    assert len(rings) == 6


def test_runs_and_cancels_are_audited(tenant, job):
    execution = executions.trigger(job=job)
    executions.cancel(execution=execution)
    actions = AuditEvent.objects.filter(object_id=str(execution.pk)).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["execution.triggered", "execution.cancel_requested"]


def test_overrides_are_stored_as_given_and_the_jobs_payload_is_not_copied(tenant, job):
    execution = executions.trigger(job=job, payload={"output_bytes": 1})
    assert execution.payload == {"output_bytes": 1}
    assert executions.trigger(job=job).payload is None


def test_payload_a_later_revision_refuses_cannot_be_replayed(tenant, job):
    execution = executions.trigger(job=job, payload={"fail_rate": 1})
    executions.cancel(execution=execution)
    jobs.update(job=job, fields={"type": "http", "payload": {"url": "https://example.com", "fail_rate": None}})
    ended = selectors.executions().get(pk=execution.pk)
    with pytest.raises(Invalid) as refused:
        executions.replay(execution=ended)
    assert list(refused.value.details) == ["payload.fail_rate"]


def test_cancel_of_an_execution_that_ends_meanwhile_is_refused(owner):
    with context.within(context.Scope(tenant_id=owner.tenant.id)):
        with transaction.atomic():
            job = jobs.create(tenant=owner.tenant, fields={"name": "b", "type": "dummy"})
            execution = executions.trigger(job=job)
        rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = %s", execution.pk)
        with pytest.raises(errors.InvalidState, match="succeeded"), transaction.atomic():
            executions.cancel(execution=execution)
