"""What a schedule says before it fires: in words and slots, around clock changes, and what may not be meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support import rows

NIGHTLY = {"kind": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"}


def preview(owner: Any, **fields: Any) -> Any:
    answer = owner.api.post("/api/v1/schedules/preview", {**NIGHTLY, **fields})
    assert answer.status_code == 200, answer.content
    return answer.json()


def codes(told: Any) -> list[str]:
    return [warning["code"] for warning in told["warnings"]]


def test_a_rule_is_told_in_words_slots_and_clock_changes(owner):
    told = preview(owner, after="2027-03-27T00:00:00Z", count=2)
    assert told == {
        "sentence": "At 02:30 every day, Europe/Berlin",
        "next": [
            {"at": "2027-03-27T01:30:00Z", "local": "2027-03-27T02:30:00+01:00", "starts_at": "2027-03-27T01:30:00Z",
             "note": None, "offset": "+01:00"},
            {"at": "2027-03-28T01:00:00Z", "local": "2027-03-28T03:00:00+02:00", "starts_at": "2027-03-28T01:00:00Z",
             "note": "DST_GAP", "offset": "+02:00"},
        ],
        "spread_seconds": 0,
        "clock_changes": [
            {"at": "2027-03-28T01:00:00Z", "offset_before": "+01:00", "offset_after": "+02:00",
             "effect": "the slot 02:30 does not exist and runs at 03:00"},
            {"at": "2027-10-31T01:00:00Z", "offset_before": "+02:00", "offset_after": "+01:00",
             "effect": "the slot 02:30 comes twice and runs the first time only"},
        ],
        "warnings": [],
    }  # fmt: skip
    slots = preview(owner, after="2027-10-30T12:00:00Z", count=2)["next"]
    assert [slot["note"] for slot in slots] == [None, "DST_FOLD"]


def test_what_is_refused_when_stored_is_refused_here(owner):
    answer = owner.api.post("/api/v1/schedules/preview", {"kind": "cron", "expression": "0 0 31 2 *"})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, ["expression"])
    assert "never" in str(answer.json())


@pytest.mark.parametrize(("field", "value"), [("event_filter", "event.payload.total > "), ("jitter_seconds", 5)])
def test_of_events_too(owner, field, value):
    answer = owner.api.post("/api/v1/schedules/preview", {"kind": "event", "event": "order.paid", field: value})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (422, [field])


def test_whatever_may_be_said_of_a_schedule_may_be_tried_out(owner):
    rule = {
        "kind": "cron",
        "expression": "0 2 * * *",
        "misfire": "skip",
        "catch_up_window_seconds": 60,
        "payload": {"a": 1},
    }
    assert owner.api.post("/api/v1/schedules/preview", rule).status_code == 200


def test_what_is_left_out_is_the_tenants_default(owner):
    rows.change("UPDATE tenant SET default_timezone = 'Asia/Tokyo' WHERE id = %s", owner.tenant.id)
    told = owner.api.post("/api/v1/schedules/preview", {"kind": "cron", "expression": "30 2 * * *"}).json()
    assert (told["sentence"], told["next"][0]["offset"]) == ("At 02:30 every day, Asia/Tokyo", "+09:00")


def test_a_stored_schedule_says_the_same_and_its_sentence_is_in_its_answer(owner, outsider, make_job):
    schedule = make_job(schedules=[NIGHTLY])["schedules"][0]
    assert schedule["sentence"] == "At 02:30 every day, Europe/Berlin"
    path = f"/api/v1/schedules/{schedule['id']}/preview"
    asked = {"after": "2027-03-27T00:00:00Z", "count": 2}
    assert owner.api.get(path, **asked).json() == preview(owner, **asked)
    assert outsider.api.get(path).status_code == 404


def test_a_rule_that_is_no_longer_understood_has_no_sentence(owner, make_job):
    schedule = rows.schedule((make_job()["id"], owner.tenant.id), expression="no rule", state="invalid", due_at=None)
    assert owner.api.get(f"/api/v1/schedules/{schedule}").json()["sentence"] == ""
    assert owner.api.get(f"/api/v1/schedules/{schedule}/preview").status_code == 422


def test_calendars_take_no_words_and_no_warnings_away(owner):
    owner.api.post("/api/v1/calendars", {"name": "de", "kind": "dates", "dates": [{"date": "2027-01-01"}]})
    told = preview(owner, expression="0 9 13 * 5", calendars=[{"calendar": "de"}])
    assert told["sentence"].startswith("At 09:00 on the 13th of the month, and also on every Friday, Europe/Berlin; ")
    assert codes(told) == ["EITHER_DAY"]


def test_no_more_runs_are_promised_than_are_left(owner, make_job):
    assert len(preview(owner, max_runs=2, count=5)["next"]) == 2
    schedule = rows.schedule((make_job()["id"], owner.tenant.id), max_runs=5, runs=4, next_run_at=rows.now())
    assert len(owner.api.get(f"/api/v1/schedules/{schedule}/preview").json()["next"]) == 1


def test_a_job_that_takes_longer_than_its_schedule_waits_is_told_of(owner, make_job):
    job = make_job()
    for _ in range(3):
        began = rows.now() - timedelta(seconds=90)
        rows.execution(
            (job["id"], owner.tenant.id), "succeeded", started_at=began, finished_at=began + timedelta(seconds=80)
        )
    often = {"expression": "* * * * *", "job": "nightly"}
    assert codes(preview(owner, **often)) == ["FIRES_OFTENER_THAN_IT_TAKES"]
    assert codes(preview(owner, expression="*/2 * * * *", job=job["id"])) == []
    assert codes(preview(owner, expression="* * * * *")) == []
    answer = owner.api.post("/api/v1/schedules/preview", {**NIGHTLY, "job": "nobody"})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (404, ["job"])


def test_a_crowd_in_the_same_minute_is_told_of_with_a_better_one(owner, outsider, make_job):
    at = rows.now().replace(hour=2, minute=30, second=0, microsecond=0) + timedelta(days=1)
    job = (make_job()["id"], owner.tenant.id)
    for second in range(12):
        rows.schedule(job, next_run_at=at + timedelta(seconds=second))
    rows.schedule(job, next_run_at=at + timedelta(minutes=1))
    rows.schedule(job, next_run_at=at - timedelta(minutes=1))
    utc = {"expression": "30 2 * * *", "timezone": "UTC", "after": (at - timedelta(hours=1)).isoformat()}
    (warning,) = preview(owner, **utc)["warnings"]
    assert warning == {
        "code": "CROWD",
        "message": "12 other schedules have their next run at 02:30 UTC too: try 02:28, which has none.",
    }
    assert codes(preview(outsider, **utc)) == []
    assert codes(preview(owner, **{**utc, "expression": "31 2 * * *"})) == []


def test_a_schedule_is_no_crowd_of_its_own(owner, make_job):
    at = rows.now().replace(hour=2, minute=30, second=0, microsecond=0) + timedelta(days=1)
    job = (make_job()["id"], owner.tenant.id)
    made = [rows.schedule(job, expression="30 2 * * *", next_run_at=at) for _ in range(10)]
    asked = {"after": (at - timedelta(hours=1)).isoformat()}
    assert codes(owner.api.get(f"/api/v1/schedules/{made[0]}/preview", **asked).json()) == []
    rows.schedule(job, expression="30 2 * * *", next_run_at=at)
    assert codes(owner.api.get(f"/api/v1/schedules/{made[0]}/preview", **asked).json()) == ["CROWD"]


@pytest.mark.parametrize(
    "fields",
    [
        {"expression": "0 0 29 2 *", "count": 100},
        {"expression": "* * * * * *", "count": 100},
        {"expression": ",".join(f"{n}-59" for n in range(20)) + " * * * *"},
        {"expression": "0 0 29 2 *", "after": "2190-01-01T00:00:00Z"},
        {"expression": "0" * 200},
    ],
)
def test_no_rule_costs_more_than_a_rule(owner, fields):
    """Its slots are few and near, whatever it is: centuries of a zone would take their time."""
    answer = owner.api.post("/api/v1/schedules/preview", {**NIGHTLY, **fields})
    assert answer.status_code in (200, 422)
    years = [int(slot["at"][:4]) for slot in answer.json().get("next", ())]
    assert len(years) <= 100
    assert not years or years[-1] - years[0] <= 20


def test_a_rule_of_seconds_under_calendars_that_never_let_it_run_is_told_and_refused_at_once(owner, make_job):
    assert owner.api.post("/api/v1/calendars", {"name": "none", "dates": []}).status_code == 201
    never = {"kind": "cron", "expression": "* * * * * *", "calendars": [{"calendar": "none", "use": "include"}]}
    told = preview(owner, **never, count=3)
    assert (codes(told), {slot["note"] for slot in told["next"]}) == (["NEVER_FIRES"], {"HOLIDAY"})
    job = make_job()["id"]
    assert owner.api.post("/api/v1/schedules", {"job": job, **never}).status_code == 422
