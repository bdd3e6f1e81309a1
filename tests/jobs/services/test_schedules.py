"""Schedules as services store them are what the planner understands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from jobs import errors
from jobs.engine import planner
from jobs.models import Schedule
from jobs.services import jobs, room, schedules
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


@pytest.mark.parametrize("misfire", ["all", "last"])
def test_what_was_due_by_the_old_rule_is_accounted_for_when_nobody_has_planned_it_yet(owner, misfire):
    rule = {"kind": "interval", "interval_seconds": 60, "misfire": misfire, "misfire_max": 100}
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        job = jobs.create(tenant=owner.tenant, fields={"name": "a", "type": "dummy"}, schedules=[rule])
        schedule = Schedule.objects.get(job=job)
    since = rows.now() - timedelta(minutes=10)
    rows.change("UPDATE schedule SET start_at = %s WHERE id = %s", since, schedule.pk)
    # In two steps: a changed rule is planned from now on.
    rows.change("UPDATE schedule SET planned_until = %s, due_at = %s WHERE id = %s", since, since, schedule.pk)
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        schedules.update(schedule=schedule, fields={"interval_seconds": 3600})
    made = rows.fetch("SELECT state, coalesce(folded_count, 1) FROM execution WHERE schedule_id = %s", schedule.pk)
    assert sum(count for _, count in made) in (10, 11)
    assert sum(state == "scheduled" for state, _ in made) == (len(made) if misfire == "all" else 1)
    ((planned_until, due_at),) = rows.fetch("SELECT planned_until, due_at FROM schedule WHERE id = %s", schedule.pk)
    assert planned_until <= rows.now() + timedelta(seconds=1)
    assert due_at is not None


def test_a_job_has_so_many_schedules_and_no_more(tenant, monkeypatch):
    monkeypatch.setattr(room, "MOST_OF_A_JOB", 2)
    job = jobs.create(
        tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=[RULES["cron"], RULES["interval"]]
    )
    with pytest.raises(errors.Conflict, match="it has 2 schedules, which is the most"), transaction.atomic():
        schedules.create(job=job, fields=RULES["once"])
    schedules.delete(schedule=job.schedules.all()[0])
    assert schedules.create(job=job, fields=RULES["once"]).state == "active"
