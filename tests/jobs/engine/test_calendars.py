"""Planning under calendars: a holiday is a row, a moved slot runs once, and what is not there stops its schedule alone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs import explanations, sql
from jobs.engine import calendars as loader
from jobs.engine import moved_slots, planner
from jobs.models import Execution
from jobs.rules.calendar_days import Days
from tests.support import rows

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
#: However slow the machine is, a day ago is not too long ago.
ALL = {"misfire": "all", "catch_up_window_seconds": 200_000}
EVERY_WEEKDAY = [0, 1, 2, 3, 4, 5, 6]


def calendar(tenant, *days, name="off", weekend=(), note="Tag der Deutschen Einheit"):
    stored = Days(dict.fromkeys(days, note)).stored()
    made = {
        "created_at": rows.now(),
        "updated_at": rows.now(),
        "description": "",
        "country": "",
        "subdivision": "",
        "source": "",
        "owner": "",
    }
    rows.insert(
        "calendar", id=rows.uuid4(), tenant_id=tenant, name=name, kind="dates", dates="[]", extends="[]",
        weekend=json.dumps(list(weekend)), days=stored, digest=f"{name}{sorted(days)}"[:64], **made,
    )  # fmt: skip


def schedule(of, *uses, at=None, **columns):
    due = at or rows.now() + SECOND
    expression = f"{due.second} {due.minute} {due.hour} * * *"
    return rows.schedule(of, expression=expression, calendars=json.dumps(list(uses)), **columns)


def off(on_hit="skip", use="exclude", name="off"):
    return {"calendar": name, "use": use, "on_hit": on_hit}


def executions():
    return rows.fetch("SELECT state, reason, scheduled_for::date FROM execution ORDER BY scheduled_for")


def today():
    return (rows.now() + SECOND).date()


def test_a_holiday_is_a_row_that_names_the_calendar_and_the_day():
    of = rows.job()
    calendar(of[1], today())
    schedule(of, off())
    planner.plan_due()
    assert executions() == [("skipped", "HOLIDAY", today())]
    told = explanations.of_execution(Execution.objects.select_related("job__tenant", "schedule").get())
    assert f"the calendar off has {today()}, Tag der Deutschen Einheit" in told.summary


def test_schedules_of_a_batch_cost_one_statement_and_days_come_once():
    of = rows.job()
    calendar(of[1], today())
    for _ in range(5):
        schedule(of, off())
    planner.plan_due()
    rows.change("UPDATE schedule SET due_at = now()")
    found = loader.Calendars(list(rows_of_schedules()))
    assert found is not None
    with CaptureQueriesContext(connection) as said:
        planner.plan_due()
    assert len(said) < 20
    assert len(executions()) == 5


def rows_of_schedules():
    from jobs.models import Schedule

    return Schedule.objects.all()


def test_a_schedule_whose_calendar_vanished_says_so_and_holds_up_nobody():
    of = rows.job()
    schedule(of, off(name="gone"))
    rows.schedule(of)
    assert planner.plan_due() >= 3
    problems = rows.fetch("SELECT state, problem FROM schedule WHERE calendars <> '[]'")
    assert problems[0][0] == "invalid"
    assert "calendars[0].calendar: there is no calendar named 'gone'" in problems[0][1]


def test_a_slot_that_ran_is_not_moved_to_another_day_by_a_later_calendar():
    of = rows.job()
    due = rows.now() + SECOND
    yesterday = due.date() - DAY
    calendar(of[1], weekend=())
    rows.change("UPDATE calendar SET weekend = '[]'")
    made = schedule(of, off("next_business_day"), at=due, planned_until=due - DAY - 5 * SECOND, **ALL)
    rows.change(
        "UPDATE schedule SET expression = %s WHERE id = %s",
        f"{due.second} {due.minute} {due.hour} {yesterday.day} {yesterday.month} *",
        made,
    )
    rows.change("UPDATE schedule SET planned_until = %s, due_at = now() WHERE id = %s", due - DAY - 5 * SECOND, made)
    planner.plan_due()
    assert executions() == [("scheduled", "", yesterday)]
    stored = Days({yesterday: ""}).stored()
    rows.change("UPDATE calendar SET digest = 'x', days = %s", json.dumps(stored))
    rows.change(
        "UPDATE schedule SET planned_until = %s, due_at = now(), state = 'active' WHERE id = %s", due - 5 * SECOND, made
    )
    planner.plan_due()
    assert executions() == [("scheduled", "", yesterday)]


@pytest.mark.parametrize("then", [[], [off("skip", name="other")]])
def test_a_slot_that_ran_before_its_day_does_not_run_on_it_when_its_schedule_gives_up_the_calendar(then):
    of = rows.job()
    due = rows.now() + SECOND
    calendar(of[1], due.date())
    calendar(of[1], due.date() - 9 * DAY, name="other")
    made = schedule(of, off("previous_business_day"), at=due, **ALL)
    only = f"{due.second} {due.minute} {due.hour} {due.day} {due.month} *"
    rows.change("UPDATE schedule SET expression = %s", only)
    rows.change("UPDATE schedule SET planned_until = %s, due_at = now()", due - DAY - 5 * SECOND)
    planner.plan_due()
    assert executions() == [("scheduled", "", due.date() - DAY)]
    rows.change("UPDATE schedule SET calendars = %s WHERE id = %s", json.dumps(then), made)
    rows.change("UPDATE schedule SET planned_until = %s, due_at = now()", due - 5 * SECOND)
    planner.plan_due()
    assert executions() == [("scheduled", "", due.date() - DAY)]


def test_a_slot_is_moved_to_the_next_business_day():
    of = rows.job()
    due = rows.now() + SECOND
    calendar(of[1], due.date() - DAY)
    schedule(of, off("next_business_day"), at=due, planned_until=due - 5 * SECOND)
    rows.change(
        "UPDATE schedule SET expression = %s",
        f"{due.second} {due.minute} {due.hour} {(due - DAY).day} {(due - DAY).month} *",
    )
    rows.change("UPDATE schedule SET planned_until = %s, due_at = now()", due - 5 * SECOND)
    planner.plan_due()
    assert executions() == [("scheduled", "", due.date())]


def test_slots_of_a_batch_that_calendars_may_move_are_asked_about_in_one_statement(monkeypatch):
    of = rows.job()
    due = rows.now() + SECOND
    calendar(of[1], due.date() + DAY)
    for _ in range(5):
        schedule(of, off("next_business_day"), at=due, planned_until=due - 5 * SECOND)
    asked: list[int] = []
    run = sql.run

    def counted(name, **given):
        asked.extend(len(given["ids"]) for _ in range(name == "executions_there"))
        return run(name, **given)

    monkeypatch.setattr(sql, "run", counted)
    planner.plan_due()
    assert executions() == [("scheduled", "", due.date())] * 5
    assert [number % 5 for number in asked] == [0]


def test_more_ids_than_one_statement_takes_are_asked_in_several(monkeypatch):
    monkeypatch.setattr(moved_slots, "MOST_ASKED", 1)
    test_a_slot_that_ran_is_not_moved_to_another_day_by_a_later_calendar()
