"""Disabling forgets what was due; pausing does not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Event, Execution, Schedule
from jobs.services import job_states, jobs


@pytest.fixture
def hourly(tenant):
    """A job whose hourly schedule has not been planned for ten and a half hours."""
    schedule = {"kind": "interval", "interval_seconds": 3600, "start_at": timezone.now() - timedelta(days=1)}
    job = jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=[schedule])
    behind = timezone.now() - timedelta(hours=10, minutes=30)
    Schedule.objects.filter(job=job).update(planned_until=behind)
    return job


def test_activating_a_disabled_job_records_what_is_forgotten_in_one_row_and_begins_now(hourly):
    job_states.disable(job=hourly)
    before = timezone.now()
    job_states.activate(job=hourly)
    row = Execution.objects.get(job=hourly)
    assert (row.state, row.reason, row.trigger) == ("skipped", "DISABLED", "schedule")
    assert row.folded_count in (10, 11)
    assert row.folded_until - row.scheduled_for == timedelta(hours=row.folded_count - 1)
    assert Schedule.objects.get(job=hourly).planned_until >= before
    assert Event.objects.get(execution_id=row.pk).kind == "execution.skipped"


def test_resuming_a_paused_job_leaves_missed_slots_to_the_misfire_policy(hourly):
    planned_until = Schedule.objects.get(job=hourly).planned_until
    job_states.pause(job=hourly)
    job_states.resume(job=hourly)
    assert not Execution.objects.filter(job=hourly).exists()
    assert Schedule.objects.get(job=hourly).planned_until == planned_until


def test_schedule_paused_by_itself_stays_paused_keeps_its_place_and_is_not_recorded_as_disabled(hourly):
    planned_until = Schedule.objects.get(job=hourly).planned_until
    Schedule.objects.filter(job=hourly).update(state="paused", due_at=None)
    job_states.disable(job=hourly)
    job_states.activate(job=hourly)
    assert not Execution.objects.filter(job=hourly).exists()
    schedule = Schedule.objects.get(job=hourly)
    assert (schedule.state, schedule.planned_until) == ("paused", planned_until)


def test_schedule_with_nothing_due_meanwhile_leaves_no_row(tenant):
    job = jobs.create(
        tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=[{"kind": "cron", "expression": "0 0 1 1 *"}]
    )
    job_states.disable(job=job)
    job_states.activate(job=job)
    assert not Execution.objects.filter(job=job).exists()
