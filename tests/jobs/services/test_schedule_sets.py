"""Which schedules stay, which change in place, which come and go; and no slot that has run, or is planned, runs again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from jobs import selectors
from jobs.engine import planner
from jobs.models import Job
from jobs.services import jobs, schedule_sets, schedules
from tenants import context
from tests.support import logins, rows

CRON = {"kind": "cron", "expression": "0 0 * * *"}
EVERY = {"kind": "interval", "interval_seconds": 60}
ONCE = {"kind": "once", "run_at": datetime(2100, 1, 1, tzinfo=UTC)}


def make(tenant: Any, *given: Any) -> Job:
    return jobs.create(tenant=tenant, fields={"name": "a", "type": "dummy"}, schedules=given)


def bring(job: Job, *given: Any) -> list[str]:
    found = selectors.jobs().get(pk=job.pk)
    return schedule_sets.bring(found, schedule_sets.wanted(given, found.tenant))


def stored(job: Job) -> list[tuple[Any, str, str]]:
    return [
        (each.pk, schedule_sets.shown(each), each.state) for each in selectors.jobs().get(pk=job.pk).schedules.all()
    ]


def test_equal_ones_stay_whatever_their_order_and_state(tenant):
    job = make(tenant, CRON, CRON, EVERY)
    before = stored(job)
    schedules.pause(schedule=job.schedules.all()[1])
    assert bring(job, EVERY, CRON, CRON) == []
    assert [key for key, _, _ in stored(job)] == [key for key, _, _ in before]
    assert [state for _, _, state in stored(job)] == ["active", "paused", "active"]


def test_the_rest_is_changed_in_place_by_kind_and_in_order(tenant):
    job = make(tenant, {**CRON, "expression": "0 1 * * *"}, EVERY, {**CRON, "expression": "0 2 * * *"})
    first, second, third = (key for key, _, _ in stored(job))
    bring(job, {**EVERY, "interval_seconds": 30}, {**CRON, "expression": "0 3 * * *"}, ONCE)
    told = stored(job)
    assert [(key, rule) for key, rule, _ in told[:2]] == [(first, "'0 3 * * *' UTC"), (second, "every 30 s")]
    assert third not in {key for key, _, _ in told}
    assert len(told) == 3


def test_an_interval_keeps_its_anchor_unless_that_is_still_to_come(tenant):
    job = make(tenant, EVERY)
    (anchor,) = (each.start_at for each in job.schedules.all())
    bring(job, {**EVERY, "interval_seconds": 7})
    assert [each.start_at for each in selectors.jobs().get(pk=job.pk).schedules.all()] == [anchor]
    ahead = datetime(2100, 1, 1, tzinfo=UTC)
    bring(job, {**EVERY, "start_at": ahead})
    assert bring(job, {**EVERY, "start_at": ahead}) == []
    assert bring(job, EVERY) == ["schedule every 60 s -> every 60 s"]
    assert selectors.jobs().get(pk=job.pk).schedules.all()[0].start_at < ahead


def test_what_has_ended_is_not_made_over(tenant):
    job = make(tenant, ONCE)
    (key, _, _), *_ = stored(job)
    job.schedules.filter(pk=key).update(state="ended", planned_until=rows.now() - timedelta(hours=1))
    bring(job, {**ONCE, "run_at": datetime(2101, 1, 1, tzinfo=UTC)})
    ((other, _, state),) = stored(job)
    assert (other != key, state) == (True, "active")


@pytest.mark.parametrize("change", [{"payload": {"fail_rate": 0}}, {"misfire": "all"}, {"run_at": "soon"}])
@pytest.mark.usefixtures("empty_database")
def test_a_slot_that_is_planned_already_runs_once_whatever_is_declared_then(owner, change, monkeypatch):
    """Planned some seconds ahead, and so ended, it is yet to run: it must not be fired by a schedule of its own beside it."""
    monkeypatch.setattr(planner, "AHEAD", timedelta(seconds=60))
    soon = rows.now() + timedelta(seconds=50)
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        job = make(owner.tenant, {**ONCE, "run_at": soon}, {"kind": "cron", "expression": "* * * * * *"})
    with logins.engine():
        planner.plan_due()
    planned = rows.fetch("SELECT schedule_id, scheduled_for FROM execution ORDER BY 1, 2")
    assert len(planned) > 3
    change = {**change, **({"run_at": soon + timedelta(microseconds=1000)} if "run_at" in change else {})}
    with context.within(context.Scope(tenant_id=owner.tenant.id)), transaction.atomic():
        assert bring(job, {**ONCE, "run_at": soon, **change}, {"kind": "cron", "expression": "*/1 * * * * *"})
    with logins.engine():
        planner.plan_due()
    now = rows.fetch("SELECT schedule_id, scheduled_for FROM execution ORDER BY 1, 2")
    assert set(planned) <= set(now)
    slots = [at.replace(microsecond=0) for key, at in now if key == planned[0][0] or key == planned[-1][0]]
    by_rule = {key: [at for other, at in now if other == key] for key, _ in now}
    assert len(by_rule) == 2, "a further schedule has fired"
    assert all(len(set(at)) == len(at) for at in by_rule.values())
    assert slots
