"""Jobs that code declares are brought to a tenant, again and again, past what operators do meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from jobs import selectors
from jobs.callables import ScheduledJob, job_handler, registry, scheduled_job
from jobs.models import Job, JobRevision, JobState, ScheduleState
from jobs.services import code_jobs, job_states, jobs, schedules
from jobs.services.code_jobs import TAG, Outcome
from tenants.models import AuditEvent, Tenant
from tests.support import rows


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", {})


@pytest.fixture
def tenant(tenant: Tenant) -> Tenant:
    """May call everything but what is secret."""
    rows.change("UPDATE tenant SET allowed_callables = %s WHERE id = %s", '["settle", "report"]', tenant.pk)
    tenant.refresh_from_db()
    return tenant


def declare(schedule: Any, *, name: str = "settle", **options: Any) -> None:
    """Code as it is now: the former declaration is gone."""

    def function(region: str = "eu", limit: int = 1) -> None:
        """Settles what was paid."""

    registry._registry.pop(name, None)
    scheduled_job(schedule, name=name, **options)(function)


def sync(tenant: Tenant, *, prune: bool = False) -> dict[str, Any]:
    """What became of each, by name."""
    return {step.name: (step.outcome, step.details) for step in code_jobs.sync(tenant=tenant, prune=prune)}


def job(tenant: Tenant, name: str = "settle") -> Job:
    return selectors.jobs().get(tenant=tenant, name=name)


def rules(tenant: Tenant) -> list[tuple[str, str, str]]:
    return [(one.kind, one.expression, one.timezone) for one in job(tenant).schedules.all()]


def test_declared_job_is_made_with_all_that_code_says(tenant):
    declare(
        ["*/5 * * * *", timedelta(minutes=5)], timezone="Europe/Berlin", retry={"max_attempts": 5}, category="money", timeout=60,
        tags=["finance"], payload={"kwargs": {"region": "us"}}, max_running=1, overlap="skip", priority=7, owner="maria",
    )  # fmt: skip
    assert sync(tenant) == {
        "settle": (Outcome.CREATED, ["schedule '*/5 * * * *' Europe/Berlin", "schedule every 300 s"])
    }
    made = job(tenant)
    assert (made.type, made.payload) == ("python", {"callable": "settle", "kwargs": {"region": "us"}})
    assert (made.description, made.category, made.timeout_seconds) == ("Settles what was paid.", "money", 60)
    assert (made.retry, made.max_running, made.overlap, made.priority) == ({"max_attempts": 5}, 1, "skip", 7)
    assert {row.tag for row in made.tag_rows.all()} == {"finance", TAG}
    assert rules(tenant) == [("cron", "*/5 * * * *", "Europe/Berlin"), ("interval", "", "Europe/Berlin")]


FORMS: list[Any] = [
    "0 2 * * *",
    timedelta(hours=1),
    {"kind": "once", "run_at": datetime(2099, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)},
    {"kind": "once", "run_at": "2099-01-01T12:00:00+02:00"},
    {"kind": "interval", "interval_seconds": 60, "start_at": "2026-01-01T00:00:00Z", "misfire": "all"},
    ["0 2 * * *", "0 2 * * *"],
    {"kind": "cron", "expression": "0 2 * * *", "payload": {"kwargs": {"limit": 2}}},
]


@pytest.mark.parametrize("schedule", FORMS, ids=str)
def test_second_time_changes_nothing(tenant, schedule):
    declare(schedule, retry={"retry_on": ("TIMEOUT",)}, tags=("b", "a"), payload={"kwargs": {"limit": None}})
    sync(tenant)
    before = (job(tenant).updated_at, list(job(tenant).schedules.values()), AuditEvent.objects.count())
    assert sync(tenant) == {"settle": (Outcome.UNCHANGED, [])}
    assert (job(tenant).updated_at, list(job(tenant).schedules.values()), AuditEvent.objects.count()) == before


def test_an_edit_is_one_revision_and_says_what_it_changed(tenant):
    declare("0 2 * * *", timeout=60, payload={"kwargs": {"region": "eu"}}, category="a")
    sync(tenant)
    declare("0 3 * * *", timeout=90, payload={"kwargs": {"limit": 5}}, category="a")
    assert sync(tenant)["settle"] == (
        Outcome.CHANGED,
        ["payload: kwargs", "timeout_seconds: 60.0 -> 90.0", "schedule '0 2 * * *' UTC -> '0 3 * * *' UTC"],
    )
    assert JobRevision.objects.filter(job=job(tenant)).count() == 2
    assert job(tenant).payload == {"callable": "settle", "kwargs": {"limit": 5}}
    assert rules(tenant) == [("cron", "0 3 * * *", "UTC")]


def test_what_code_no_longer_mentions_has_its_default_again(tenant):
    declare("0 2 * * *", queue="default", category="money", retry={"max_attempts": 9}, max_running=3)
    sync(tenant)
    declare("0 2 * * *")
    sync(tenant)
    assert (job(tenant).category, job(tenant).retry, job(tenant).max_running) == ("", {}, None)


def test_edited_schedule_stays_the_same_row_and_others_come_and_go(tenant):
    declare(["0 1 * * *", "0 2 * * *", timedelta(minutes=5)])
    sync(tenant)
    first, second, third = job(tenant).schedules.all()
    declare([timedelta(minutes=10), "0 2 * * *"])
    details = sync(tenant)["settle"][1]
    assert details == ["schedule every 300 s -> every 600 s", "schedule '0 1 * * *' UTC deleted"]
    assert {one.pk for one in job(tenant).schedules.all()} == {second.pk, third.pk}
    declare([timedelta(minutes=10), "0 2 * * *", "0 4 * * *"])
    assert sync(tenant)["settle"][1] == ["schedule '0 4 * * *' UTC added"]
    assert first.pk not in {one.pk for one in job(tenant).schedules.all()}


def test_a_change_by_hand_lasts_until_the_next_time(tenant):
    declare("0 2 * * *", timeout=60)
    sync(tenant)
    jobs.update(job=job(tenant), fields={"timeout_seconds": 5, "tags": [TAG, "mine"]})
    schedules.create(job=job(tenant), fields={"kind": "cron", "expression": "0 9 * * *"})
    assert sync(tenant)["settle"][0] == Outcome.CHANGED
    assert (job(tenant).timeout_seconds, len(rules(tenant))) == (60, 1)


def test_what_operators_hold_stays_held(tenant):
    declare(["0 2 * * *", "0 4 * * *"])
    sync(tenant)
    schedules.pause(schedule=job(tenant).schedules.all()[0])
    job_states.pause(job=job(tenant))
    declare(["0 3 * * *", "0 4 * * *"], timeout=5)
    sync(tenant)
    assert job(tenant).state == JobState.PAUSED
    assert [one.state for one in job(tenant).schedules.all()] == [ScheduleState.PAUSED, ScheduleState.ACTIVE]


def test_what_code_no_longer_declares_is_told_and_deleted_only_if_asked(tenant):
    declare("0 2 * * *")
    declare("0 2 * * *", name="report")
    sync(tenant)
    del registry._registry["report"]
    assert sync(tenant)["report"] == (Outcome.UNDECLARED, [])
    assert job(tenant, "report").state == JobState.ACTIVE
    assert sync(tenant, prune=True)["report"] == (Outcome.DELETED, [])
    assert not selectors.jobs().filter(tenant=tenant, name="report").exists()
    assert "report" not in sync(tenant, prune=True)
    assert job(tenant).state == JobState.ACTIVE


def test_job_that_is_not_codes_is_left_alone_until_it_is_handed_over(tenant):
    jobs.create(tenant=tenant, fields={"name": "settle", "type": "dummy"})
    declare("0 2 * * *")
    outcome, (why,) = sync(tenant)["settle"]
    assert outcome == Outcome.REFUSED
    assert TAG in why
    assert job(tenant).type == "dummy"
    jobs.update(job=job(tenant), fields={"tags": [TAG]})
    assert sync(tenant)["settle"][0] == Outcome.CHANGED
    assert job(tenant).type == "python"


def test_what_the_tenant_may_not_call_is_not_made_nor_pruned(tenant):
    declare("0 2 * * *", name="secret")
    declare("0 2 * * *")
    sync(tenant)
    assert sync(tenant, prune=True) == {"secret": (Outcome.NOT_ALLOWED, []), "settle": (Outcome.UNCHANGED, [])}
    tenant.allowed_callables = []
    assert sync(tenant, prune=True)["settle"] == (Outcome.NOT_ALLOWED, [])
    assert job(tenant).state == JobState.ACTIVE


@pytest.mark.parametrize(
    ("schedule", "options", "field"),
    [
        ("0 2 * *", {}, "schedules[0].expression"),
        ("0 2 * * *", {"payload": {"kwargs": {"regoin": "eu"}}}, "payload.kwargs.regoin"),
        ("0 2 * * *", {"retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ("0 2 * * *", {"queue": "nowhere"}, "queue"),
        ({"kind": "cron", "expresion": "0 2 * * *"}, {}, "schedules[0].expresion"),
        ({"kind": "once", "run_at": "tomorrow"}, {}, "schedules[0].run_at"),
    ],
)
def test_what_is_refused_is_named_and_keeps_nothing_else(tenant, schedule, options, field):
    declare(schedule, **options)
    declare("0 2 * * *", name="report")
    outcomes = sync(tenant)
    outcome, details = outcomes["settle"]
    assert outcome == Outcome.REFUSED
    assert [detail.partition(":")[0] for detail in details] == [field]
    assert outcomes["report"][0] == Outcome.CREATED
    assert not selectors.jobs().filter(tenant=tenant, name="settle").exists()


def test_refused_change_leaves_the_job_as_it_was(tenant):
    declare("0 2 * * *", timeout=60)
    sync(tenant)
    declare("not a cron", timeout=90)
    with transaction.atomic():
        assert sync(tenant)["settle"][0] == Outcome.REFUSED
    assert (job(tenant).timeout_seconds, rules(tenant)) == (60, [("cron", "0 2 * * *", "UTC")])


def test_what_carries_no_schedule_makes_no_job(tenant):
    @job_handler(name="settle")
    def settle() -> None: ...

    class Report(ScheduledJob):
        name = "report"

        def run(self) -> None: ...

    assert sync(tenant) == {}


def test_what_code_does_not_mention_is_the_tenants_default(tenant):
    defaults = "default_timeout_seconds = 7, default_timezone = 'Asia/Tokyo', default_retry = '{\"max_attempts\": 4}'"
    rows.change(f"UPDATE tenant SET {defaults} WHERE id = %s", tenant.pk)
    tenant.refresh_from_db()
    declare("0 2 * * *")
    assert sync(tenant)["settle"][0] == Outcome.CREATED
    made = job(tenant)
    assert (made.timeout_seconds, made.retry, rules(tenant)[0][2]) == (7, {"max_attempts": 4}, "Asia/Tokyo")
    assert sync(tenant)["settle"] == (Outcome.UNCHANGED, [])
    declare("0 2 * * *", timeout=9, timezone="UTC", retry={"max_attempts": 2})
    assert sync(tenant)["settle"][0] == Outcome.CHANGED
    made = job(tenant)
    assert (made.timeout_seconds, made.retry, rules(tenant)[0][2]) == (9, {"max_attempts": 2}, "UTC")


def test_what_a_job_depends_on_is_codes_as_well_and_upstreams_are_made_first(tenant):
    declare("0 1 * * *", name="report", depends_on=["settle"])
    declare("0 0 * * *")
    assert sync(tenant)["report"][0] == Outcome.CREATED
    (edge,) = job(tenant, "report").upstream_edges.all()
    assert (edge.upstream.name, edge.trigger_rule) == ("settle", "all_success")
    assert sync(tenant)["report"] == (Outcome.UNCHANGED, [])
    declare("0 1 * * *", name="report", depends_on=[{"job": "settle", "mode": "gate", "trigger_rule": "all_done"}])
    assert sync(tenant)["report"][0] == Outcome.CHANGED
    declare("0 1 * * *", name="report")
    assert sync(tenant)["report"] == (Outcome.CHANGED, ["depends_on: ['settle'] -> []"])


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (["gone"], "depends_on[0].job"),
        (["report"], "depends_on[0].job"),
        ([{"job": "settle", "when": 1}], "depends_on[0].when"),
    ],
)
def test_an_upstream_that_cannot_be_is_refused_by_its_place(tenant, wanted, field):
    declare("0 0 * * *")
    declare("0 1 * * *", name="report", depends_on=wanted)
    outcome, details = sync(tenant)["report"]
    assert (outcome, details[0].partition(": ")[0]) == (Outcome.REFUSED, field)
