"""Whoever has set the clock of a web process: what is asked of it is due on the database's clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import sql
from jobs.services import executions, job_states, jobs

#: Nothing here takes as long as this.
SOON = timedelta(minutes=5)


@pytest.fixture(params=[timedelta(hours=-1), timedelta(hours=1)], ids=["behind", "ahead"])
def _skewed(request, monkeypatch):
    """This process takes it for an hour earlier or later than it is."""
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + request.param)


@pytest.fixture
def job(tenant, _skewed):
    schedules = [{"kind": "cron", "expression": "* * * * * *"}]
    return jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=schedules)


def _is_now(instant):
    return abs(instant - sql.run("clock")[0].now) < SOON


def test_a_run_asked_for_now_is_due_now(job):
    assert _is_now(executions.trigger(job=job).not_before)


def test_a_new_schedule_fires_from_now_on(job):
    (schedule,) = job.schedules.all()
    assert _is_now(schedule.planned_until)
    assert _is_now(schedule.next_run_at)


def test_an_activated_job_begins_anew_now(job):
    job_states.disable(job=job)
    job_states.activate(job=job)
    assert _is_now(job.schedules.get().planned_until)
