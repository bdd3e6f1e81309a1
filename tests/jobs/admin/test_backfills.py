"""Slots that have passed, at the console: counted, then started; and one that was skipped, by its page's button."""

from __future__ import annotations

from datetime import timedelta

from tests.support import console as support
from tests.support import operations, rows
from tests.support.console import Console
from tests.support.slots import hourly


def _asked(hours, **more: str) -> dict[str, str]:
    until = (hours.top + timedelta(milliseconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    since = hours.at(4).strftime("%Y-%m-%d %H:%M")
    return {
        "since": since,
        "until": until,
        "which": "missing",
        "order": "oldest",
        "max_active": "2",
        "payload": "{}",
        **more,
    }


def _post(console: Console, hours, **more: str):
    return console.client.post(support.url("jobs_schedule_backfill", hours.schedule), _asked(hours, **more))


def test_slots_are_counted_before_anything_starts_and_started_as_they_were_counted(console: Console) -> None:
    hours = hourly(rows.job())
    hours.live(1, "succeeded")
    page = console.page("jobs_schedule_change", hours.schedule)
    assert support.url("jobs_schedule_backfill", hours.schedule) in page
    assert "Count them" in console.page("jobs_schedule_backfill", hours.schedule)
    answer = _post(console, hours, reason="the supplier was down")
    text = support.text_of(answer.content.decode())
    assert "4 missing, 1 succeeded" in text
    assert "Run 4" in text
    assert rows.fetch("SELECT count(*) FROM operation WHERE tenant_id = %s", hours.job[1]) == [(0,)]
    counted = answer.context["form"].data["counted"]
    other = _post(console, hours, counted=counted, with_downstream="on").content.decode()
    assert "Run 4" in support.text_of(other)
    assert "Run 3" not in support.text_of(_post(console, hours, counted=counted, order="newest").content.decode())
    answer = _post(console, hours, with_downstream="on")
    ticked = {"counted": answer.context["form"].data["counted"], "with_downstream": "on"}
    started = _post(console, hours, reason="the supplier was down", **ticked)
    assert started.status_code == 302, support.problems(started)
    key = started["Location"].split("/")[-3]
    operations.steps({"id": key})
    text = support.text_of(console.page("jobs_operation_change", key))
    assert "0 of 4" in text
    assert "the jobs that depend on them start, too" in text
    assert "Its executions" in text
    console.pressed("jobs_operation_pace", key, rate_per_second="7")
    console.pressed("jobs_operation_active", key, max_active="3")
    console.pressed("jobs_operation_cancel", key, because="enough", cancel_running="on")
    operations.steps({"id": key}, 2)
    assert "4 NO_LONGER_NEEDED" in support.text_of(console.page("jobs_operation_change", key))


def test_without_a_reason_or_with_nonsense_nothing_starts(console: Console) -> None:
    hours = hourly(rows.job())
    counted = _post(console, hours).context["form"].data["counted"]
    assert support.problems(_post(console, hours, counted=counted)) == ["say why, for the audit trail"]
    assert support.problems(_post(console, hours, since="x")) == ["Enter a valid date/time."]
    assert "lies ahead" in support.problems(_post(console, hours, until="2199-01-01 00:00"))[0]
    assert rows.fetch("SELECT count(*) FROM operation WHERE tenant_id = %s", hours.job[1]) == [(0,)]


def test_a_skipped_slot_is_run_by_its_button_and_its_page_leads_there(console: Console) -> None:
    hours = hourly(rows.job())
    skipped = hours.live(2, "skipped", reason="OVERLAP")
    folded = hours.live(9, "skipped", folded_until=hours.at(5), folded_count=5)
    run = console.pressed("jobs_execution_run_anyway", skipped, payload="{}")
    assert run in console.page("jobs_execution_change", skipped)
    assert "was run anyway" in console.page("jobs_execution_change", skipped)
    assert (
        "name the one to run" in support.problems(console.press("jobs_execution_run_anyway", folded, payload="{}"))[0]
    )
    slot = hours.at(6).strftime("%Y-%m-%d %H:%M")
    console.pressed("jobs_execution_run_anyway", folded, payload="{}", scheduled_for=slot)
    assert hours.slots() == [2, 6]
    done = hours.live(3, "succeeded")
    assert support.url("jobs_execution_run_anyway", done) not in console.page("jobs_execution_change", done)


def test_a_viewer_is_led_nowhere_near(console: Console) -> None:
    hours = hourly(rows.job())
    viewer = Console(support.member(hours.job[1], "viewer"))
    assert "backfill" not in viewer.page("jobs_schedule_change", hours.schedule)
    assert viewer.get("jobs_schedule_backfill", hours.schedule).status_code == 403
