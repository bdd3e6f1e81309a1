"""What each role may do to jobs and their runs, asked of the services themselves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jobs.services import executions, job_states, jobs, schedules, secrets
from tenants import actors
from tests.support import acting

CRON = {"kind": "cron", "expression": "0 0 * * *"}


@pytest.fixture
def of(tenant):
    return SimpleNamespace(tenant=tenant)


@pytest.fixture
def job(tenant):
    fields = {"name": "a", "type": "script", "payload": {"script": "cat"}, "owner": "ada@example.com"}
    return jobs.create(tenant=tenant, fields=fields, schedules=[CRON])


def test_a_viewer_runs_nothing(of, job):
    with acting.as_(of, "viewer"), pytest.raises(actors.MissingPermission):
        executions.trigger(job=job)


def test_a_runner_runs_and_changes_nothing(of, job):
    with acting.as_(of, "runner"):
        executions.cancel(execution=executions.trigger(job=job))
        with pytest.raises(actors.MissingPermission):
            job_states.pause(job=job)


def test_a_runner_may_say_what_a_job_works_on_but_not_what_it_does(of, job):
    with acting.as_(of, "runner"):
        execution = executions.trigger(job=job, payload={"stdin": "hello"})
        for payload in ({"script": "env"}, {"stdin": "", "env": {"BASH_ENV": "$(env)"}}, {"no_such": 1}):
            with pytest.raises(actors.MissingPermission) as refused:
                executions.trigger(job=job, payload=payload)
            assert refused.value.details["required"] == "jobs:write"
        executions.cancel(execution=execution)
        with pytest.raises(actors.MissingPermission):
            executions.replay(execution=execution, payload={"script": "env"})


def test_what_an_editor_has_overridden_a_runner_may_run_again(of, job):
    with acting.as_(of, "editor"):
        execution = executions.cancel(execution=executions.trigger(job=job, payload={"script": "date"}))
    with acting.as_(of, "runner"):
        assert executions.replay(execution=execution).payload == {"script": "date"}


def test_an_editor_of_own_jobs_overrides_only_those(of, job):
    with acting.as_(of, "editor", own_jobs_of="bob@example.com"):
        executions.trigger(job=job, payload={"stdin": ""})
        with pytest.raises(actors.MissingPermission):
            executions.trigger(job=job, payload={"script": "date"})


def test_an_editor_of_own_jobs_owns_what_they_make(tenant, of):
    with acting.as_(of, "editor", own_jobs_of="bob@example.com"):
        assert jobs.create(tenant=tenant, fields={"name": "b", "type": "dummy"}).owner == "bob@example.com"
        with pytest.raises(actors.MissingPermission):
            jobs.create(tenant=tenant, fields={"name": "c", "type": "dummy", "owner": "ada@example.com"})


def test_an_editor_of_own_jobs_changes_neither_others_nor_their_schedules(of, job):
    with acting.as_(of, "editor", own_jobs_of="bob@example.com"):
        schedule = job.schedules.get()
        for change in (
            lambda: jobs.update(job=job, fields={"owner": "bob@example.com"}),
            lambda: jobs.delete(job=job),
            lambda: schedules.create(job=job, fields=CRON),
            lambda: schedules.pause(schedule=schedule),
            lambda: schedules.delete(schedule=schedule),
        ):
            with pytest.raises(actors.MissingPermission):
                change()


def test_an_editor_of_own_jobs_cannot_give_them_away(of, job):
    with acting.as_(of, "editor", own_jobs_of="ada@example.com"):
        jobs.update(job=job, fields={"description": "mine"})
        with pytest.raises(actors.MissingPermission):
            jobs.update(job=job, fields={"owner": "bob@example.com"})


def test_an_editor_of_own_jobs_replaces_no_secret_that_others_jobs_use(tenant, of):
    """Another host in their connection, and their jobs would send what they work with there."""
    used = secrets.create(tenant=tenant, name="used", value="their password")
    free = secrets.create(tenant=tenant, name="free", value="some password")
    secrets.change(secret=used, value="their new password")
    payload = {"script": "cat", "env": {"TOKEN": "{{ secrets.used }}"}}
    jobs.create(tenant=tenant, fields={"name": "b", "type": "script", "payload": payload, "owner": "ada@example.com"})
    with acting.as_(of, "editor", own_jobs_of="bob@example.com"):
        for change in (
            lambda: secrets.change(secret=used, value="my own password"),
            lambda: secrets.rollback(secret=used, version=1),
            lambda: secrets.delete(secret=used, force=True),
        ):
            with pytest.raises(actors.MissingPermission):
                change()
        secrets.change(secret=used, description="whose it is")
        secrets.change(secret=free, value="another password")
        secrets.delete(secret=free)
    with acting.as_(of, "editor", own_jobs_of="ada@example.com"):
        secrets.rollback(secret=used, version=1)
        secrets.delete(secret=used, force=True)
