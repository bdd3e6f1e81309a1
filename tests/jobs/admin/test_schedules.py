"""Schedules: next runs, problems, and holding them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import console as support
from tests.support import rows, tags
from tests.support.console import Console


def _state(schedule: object) -> str:
    state: str = rows.fetch("SELECT state FROM schedule WHERE id = %s", schedule)[0][0]
    return state


def test_a_page_shows_the_next_runs_in_its_zone_and_in_utc(console: Console) -> None:
    schedule = rows.schedule(rows.job(), expression="0 12 * * *", timezone="Asia/Kolkata")
    text = support.text_of(console.page("jobs_schedule_change", schedule))
    assert "T12:00:00+05:30" in text
    assert "06:30:00 UTC" in text


def test_what_cannot_be_planned_says_why_and_promises_no_run(console: Console) -> None:
    job = rows.job()
    schedule = rows.schedule(
        job, expression="61 * * * *", state="invalid", problem="minute 61: write 0 to 59", due_at=None
    )
    page = console.page("jobs_schedule_change", schedule)
    assert "minute 61: write 0 to 59" in page
    assert "None while it is like this." in page
    listed = console.page("jobs_schedule_changelist", state__exact="invalid", job__id__exact=str(job[0]))
    assert "minute 61" in listed


def test_an_active_rule_nobody_understands_still_has_a_page(console: Console) -> None:
    schedule = rows.schedule(rows.job(), expression="rubbish", due_at=None)
    assert "None while it is like this." in console.page("jobs_schedule_change", schedule)


def test_a_schedule_held_by_its_job_says_so(console: Console) -> None:
    job = rows.job(state="paused")
    rows.schedule(job, next_run_at=rows.now())
    text = support.text_of(console.page("jobs_schedule_changelist", job__id__exact=str(job[0])))
    assert "job paused" in text
    assert " UTC " not in text.split("job paused")[0].rsplit("UTC", 1)[-1]


def test_a_schedule_is_paused_resumed_and_deleted(console: Console) -> None:
    job = rows.job()
    schedule = rows.schedule(job)
    for button, state in {"pause": "paused", "resume": "active", "delete": "deleted"}.items():
        console.pressed(f"jobs_schedule_{button}", schedule)
        assert _state(schedule) == state


def test_an_interval_reads_as_one(console: Console) -> None:
    schedule = rows.schedule(rows.job(), kind="interval", expression="", interval_seconds=5400, start_at=rows.now())
    assert "every 1 h 30 min" in support.text_of(console.page("jobs_schedule_change", schedule))


RRULE = {"kind": "rrule", "expression": "", "rrule": "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0"}
OF_CALENDAR = {
    "kind": "calendar",
    "expression": "",
    "rule": {"every": "month", "on": {"business_day": -1}, "at": ["17:00"]},
}
EVENT = {"kind": "event", "expression": "", "event": "order.paid"}


def _stored(columns: dict[str, Any], of: Any = None) -> Any:
    anchored = {"start_at": rows.now()} if columns.get("rrule") else {}
    return rows.schedule(of or rows.job(), **{**columns, **anchored})


def _said(console: Console, schedule: Any) -> dict[str, str]:
    """What the form of a schedule has in its fields, as a browser would send it."""
    form = console.get("jobs_schedule_rule", schedule).context["form"]
    return {name: form[name].value() if form[name].value() is not None else "" for name in form.fields}


def _column(schedule: Any, name: str) -> Any:
    return rows.fetch(f"SELECT {name} FROM schedule WHERE id = %s", schedule)[0][0]


@pytest.mark.parametrize(("columns", "own"), [(RRULE, "rrule"), (OF_CALENDAR, "rule"), (EVENT, "event")])
def test_the_form_of_each_kind_has_its_own_field_and_stores_nothing_new_as_it_is(
    console: Console, columns: dict[str, Any], own: str
) -> None:
    schedule = _stored(columns)
    said = _said(console, schedule)
    assert set(said) & {"expression", "interval_seconds", "run_at", "rrule", "rule", "event"} == {own}
    assert ("calendars" in said) == (columns is not EVENT)
    assert ("event_filter" in said) == (columns is EVENT)
    console.pressed("jobs_schedule_rule", schedule, **said)
    assert _column(schedule, own) == columns[own]


def test_the_form_changes_a_calendar_rule_as_a_whole(console: Console) -> None:
    schedule = _stored(OF_CALENDAR)
    said = {**_said(console, schedule), "rule": '{"every": "week", "on": {"weekday": "fri"}, "at": ["08:00"]}'}
    console.pressed("jobs_schedule_rule", schedule, **said)
    assert _column(schedule, "rule") == {"every": "week", "on": {"weekday": "fri"}, "at": ["08:00"]}


def test_calendars_hours_and_spread_are_said_in_the_form_and_refused_beside_their_fields(console: Console) -> None:
    job = rows.job()
    schedule = rows.schedule(job, expression="0 12 * * *")
    rows.change("UPDATE calendar SET name = 'closed' WHERE id = %s", support.calendar(job[1]))
    hours = {"hours": [{"from": "08:00", "until": "18:00"}]}
    said = _said(console, schedule) | {"calendars": '[{"calendar": "closed"}]', "jitter_seconds": "30"}
    for name, wrong in {
        "calendars": '[{"calendar": "nowhere"}]',
        "execution_window": '{"hours": []}',
        "jitter_seconds": "-1",
        "start_at": "tomorrow",
    }.items():
        answer = console.press("jobs_schedule_rule", schedule, **{**said, name: wrong})
        assert list(answer.context["form"].errors) == [name]
    console.pressed("jobs_schedule_rule", schedule, **{**said, "execution_window": json.dumps(hours)})
    assert _column(schedule, "calendars") == [{"calendar": "closed", "use": "exclude", "on_hit": "skip"}]
    assert _column(schedule, "execution_window") == hours
    assert _column(schedule, "jitter_seconds") == 30
    console.pressed(
        "jobs_schedule_rule", schedule, **{**_said(console, schedule), "execution_window": "", "calendars": ""}
    )
    assert (_column(schedule, "calendars"), _column(schedule, "execution_window")) == ([], None)


def test_the_preview_of_the_form_goes_by_hours_and_by_the_schedules_own_spread(console: Console) -> None:
    schedule = rows.schedule(rows.job(), expression="H 12 * * *", next_run_at=rows.now())
    said = _said(console, schedule)
    shown = support.text_of(console.page("jobs_schedule_change", schedule)).split("Next runs")[1].split("T12:")[1][:5]
    typed = console.press("jobs_schedule_rule", schedule, **said, preview="1").content.decode()
    assert f"T12:{shown}" in typed
    waiting = {**said, "execution_window": '{"hours": [{"from": "14:00", "until": "15:00"}]}'}
    typed = console.press("jobs_schedule_rule", schedule, **waiting, preview="1").content.decode()
    assert "waits for its hours, until" in typed


def test_a_tags_pause_is_not_called_a_maintenance_window(console: Console) -> None:
    job = rows.job()
    schedule = rows.schedule(job, expression="0 12 * * *")
    tags.paused(job)
    text = support.text_of(console.page("jobs_schedule_change", schedule))
    assert "held while a tag of its job is paused" in text
    assert "maintenance window until" not in text


def test_the_list_names_every_kind_in_its_words(console: Console) -> None:
    job = rows.job()
    for columns in (RRULE, OF_CALENDAR, EVENT):
        _stored(columns, job)
    text = support.text_of(console.page("jobs_schedule_changelist", job__id__exact=str(job[0])))
    for words in (RRULE["rrule"], "last business day of", "on order.paid"):
        assert words in text
