"""Schedules: next runs, problems, and holding them."""

from __future__ import annotations

from tests.support import console as support
from tests.support import rows
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
    schedule = rows.schedule(
        rows.job(), expression="61 * * * *", state="invalid", problem="minute 61: write 0 to 59", due_at=None
    )
    page = console.page("jobs_schedule_change", schedule)
    assert "minute 61: write 0 to 59" in page
    assert "None while it is like this." in page
    assert "minute 61" in console.page("jobs_schedule_changelist", state__exact="invalid")


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
