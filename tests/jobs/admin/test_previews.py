"""The console tells what a schedule means before it fires: on its page, beside the form, and in the forecast."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support import console as support
from tests.support import rows

pytestmark = pytest.mark.usefixtures("empty_database")
FORECAST = "jobs_schedule_forecast"


def page(console: Any, name: str, *args: Any) -> str:
    answer = console.client.get(support.url(name, *args))
    assert answer.status_code == 200
    return support.text_of(answer.content.decode())


def typed(console: Any, **fields: str) -> Any:
    answer = console.client.post(support.url("jobs_job_add"), {"preview": "1", **fields})
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_schedules_page_says_it_in_words_with_its_runs_and_clock_changes(console):
    schedule = rows.schedule(rows.job(), expression="0 0 13 * 5", timezone="Europe/Berlin", next_run_at=rows.now())
    text = page(console, "jobs_schedule_change", schedule)
    assert "At 00:00 on the 13th of the month, and also on every Friday, Europe/Berlin." in text
    assert "EITHER_DAY" in text
    assert "Clock changes" in text
    assert "from +01:00 to +02:00" in text or "from +02:00 to +01:00" in text
    assert "None of its times is touched" in text


def test_a_schedule_nobody_understands_shows_its_problem_and_no_words(console):
    schedule = rows.schedule(
        rows.job(), expression="no rule", state="invalid", problem="CONFIG_INVALID: x", due_at=None
    )
    text = page(console, "jobs_schedule_change", schedule)
    assert "CONFIG_INVALID: x" in text
    assert "In words" not in text


def test_a_held_schedule_is_told_and_promises_no_runs(console):
    schedule = rows.schedule(rows.job(), state="paused", due_at=None, expression="30 2 * * *")
    text = page(console, "jobs_schedule_change", schedule)
    assert "At 02:30 every day, UTC." in text
    assert "None while it is like this." in text


def test_the_form_previews_what_is_typed_and_stores_and_refuses_nothing(console):
    text = support.text_of(typed(console, expression="30 2 * * 1-5", timezone="Europe/Berlin"))
    assert "At 02:30 every Monday through Friday, Europe/Berlin." in text
    assert "This field is required" not in text
    assert rows.fetch("SELECT count(*) FROM job") == [(0,)]
    assert "30 2 * * 1-5" in typed(console, expression="30 2 * * 1-5")


def test_what_is_typed_badly_is_told_with_its_field(console):
    text = support.text_of(typed(console, expression="61 * * * *"))
    assert "expression: minute 61 is out of range" in text
    assert "timezone: unknown time zone" in support.text_of(typed(console, expression="* * * * *", timezone="Nowhere"))
    assert "Nothing is planned without a rule" in support.text_of(typed(console))
    markup = typed(console, expression="<script>alert(1)</script>")
    assert "<script>alert" not in markup


def test_the_form_previews_recurrence_and_calendar_rules_too(console):
    text = support.text_of(typed(console, rrule="FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0"))
    assert "T09:00:00+00:00" in text
    rule = '{"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}'
    assert "At 17:00 on the last business day of every month" in support.text_of(typed(console, rule=rule))
    assert "rule: " in support.text_of(typed(console, rule="{"))


def test_the_preview_goes_by_the_tenants_own_zone(console):
    tenant = rows.tenant(default_timezone="Asia/Tokyo")
    assert "Asia/Tokyo." in support.text_of(typed(console, expression="0 5 * * *", tenant=str(tenant)))


def test_the_forecast_of_nothing_says_so(console):
    text = page(console, FORECAST)
    assert "Nothing is planned for the next 24 hours." in text


def test_the_forecast_tells_an_hour_that_is_more_than_workers_can_do(console):
    now = rows.now()
    job, other = rows.job(), rows.job()
    began = now - timedelta(hours=2)
    for _ in range(3):
        rows.execution(job, "succeeded", started_at=began, finished_at=began + timedelta(minutes=45))
    at = (now + timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    rows.worker(concurrency=1)
    for _ in range(2):
        rows.schedule(job, expression=f"30 {at.hour} * * *", next_run_at=at, due_at=at)
    rows.schedule(other, expression=f"30 {at.hour} * * *", next_run_at=at, due_at=at)
    text = page(console, FORECAST)
    assert "3 runs in the next 24 hours, and more work than the workers can do in 1 of them" in text
    assert "150 %: more than they can" in text
    assert "1 jobs have ended too rarely" in text


def test_the_forecast_of_who_works_in_one_tenant_is_that_tenants():
    tenant, other = rows.tenant(), rows.tenant()
    at = rows.now() + timedelta(hours=5)
    for owner, name in ((tenant, "ours"), (other, "theirs")):
        rows.schedule(rows.job(owner, name=name), expression=f"{at.minute} {at.hour} * * *", next_run_at=at, due_at=at)
    member = support.Console(support.member(tenant, "viewer"))
    text = page(member, FORECAST)
    assert "1 runs in the next 24 hours" in text
    assert "ours" in text
    assert "theirs" not in text
