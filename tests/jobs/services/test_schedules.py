"""Schedules as services store them are what the planner understands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from jobs.engine import planner
from jobs.models import Schedule
from jobs.services import jobs, schedules
from tenants import context
from tenants.models import AuditEvent
from tests.support import logins, rows

RULES = {
    "cron": {"kind": "cron", "expression": "* * * * * *", "timezone": "Europe/Berlin"},
    "interval": {"kind": "interval", "interval_seconds": 1},
    "once": {"kind": "once", "run_at": rows.now() + timedelta(hours=1)},
}


@pytest.mark.parametrize("kind", RULES)
def test_stored_schedule_is_planned_and_its_next_run_was_told_right(owner, kind):
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        job = jobs.create(tenant=owner.tenant, fields={"name": "a", "type": "dummy"}, schedules=[RULES[kind]])
    told = job.schedules.all()[0].next_run_at
    with logins.engine():
        planner.plan_due()
    state, problem, next_run_at = rows.fetch(
        "SELECT state, problem, next_run_at FROM schedule WHERE job_id = %s", job.pk
    )[0]
    assert (state, problem) == ("active", "")
    first = rows.fetch("SELECT min(scheduled_for) FROM execution WHERE job_id = %s", job.pk)[0][0]
    assert told == (first or next_run_at)


def test_changes_are_audited_with_old_and_new(tenant):
    job = jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=[RULES["cron"]])
    schedule = Schedule.objects.get(job=job)
    schedules.update(schedule=schedule, fields={"expression": "0 0 * * *", "payload": {"fail_rate": 1}})
    schedules.pause(schedule=schedule)
    schedules.delete(schedule=schedule)
    trail = AuditEvent.objects.filter(object_id=str(schedule.pk)).order_by("id").values_list("action", "changes")
    assert [action for action, _ in trail] == [
        "schedule.created", "schedule.updated", "schedule.paused", "schedule.deleted",
    ]  # fmt: skip
    assert trail[1][1] == {"expression": ["* * * * * *", "0 0 * * *"], "payload": ["fail_rate"]}
