"""/schedules: their life apart from their job's."""

from __future__ import annotations

import pytest

from jobs.models import Schedule
from tests.support import rows

CRON = {"kind": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def schedule(owner, make_job):
    make_job()
    answer = owner.api.post("/api/v1/schedules", {"job": "nightly", **CRON})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_schedule_is_added_to_a_job_named_by_id_or_name(owner, make_job):
    job = make_job()
    for name in (job["id"], "nightly"):
        added = owner.api.post("/api/v1/schedules", {"job": name, **CRON}).json()
        assert added["job"] == job["id"]
    assert len(owner.api.get("/api/v1/jobs/nightly").json()["schedules"]) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("schedules", CRON),
        ("schedules/preview", CRON),
        ("executions", {}),
        ("maintenance-windows", {"scope": "job", "action": "hold", "starts_at": "2126-01-01T00:00:00Z", "ends_at": "2126-01-02T00:00:00Z", "reason": "it moves"}),
    ],
)  # fmt: skip
def test_none_of_a_jobs_schedules_is_read_for_what_needs_none_of_them(owner, make_job, monkeypatch, path, body):
    make_job(schedules=[CRON] * 3)
    read: list[object] = []
    made = Schedule.from_db.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Schedule, "from_db", classmethod(lambda *given: read.append(given[-1]) or made(*given)))
    answer = owner.api.post(f"/api/v1/{path}", {"job": "nightly", **body})
    assert answer.status_code < 300, answer.content
    assert read == []


def test_interval_without_an_anchor_is_counted_from_now(owner, make_job):
    make_job()
    added = owner.api.post("/api/v1/schedules", {"job": "nightly", "kind": "interval", "interval_seconds": 60}).json()
    assert added["start_at"] is not None
    assert added["next_run_at"] > added["start_at"]


def test_changed_rule_is_planned_anew_and_answers_with_its_next_run(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    changed = owner.api.patch(path, {"expression": "45 2 * * *"}).json()
    assert changed["expression"] == "45 2 * * *"
    assert ":45:00Z" in changed["next_run_at"]
    assert changed["timezone"] == "Europe/Berlin"


def test_kind_changes_together_with_its_fields(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    assert owner.api.patch(path, {"kind": "once", "run_at": "2100-01-01T00:00:00Z"}).status_code == 422
    changed = owner.api.patch(path, {"kind": "once", "run_at": "2100-01-01T00:00:00Z", "expression": None}).json()
    assert (changed["kind"], changed["expression"], changed["next_run_at"]) == ("once", None, "2100-01-01T00:00:00Z")


def test_schedule_that_becomes_an_interval_is_counted_from_now(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    changed = owner.api.patch(path, {"kind": "interval", "interval_seconds": 60, "expression": None}).json()
    assert changed["start_at"] is not None
    assert owner.api.get(path).json()["start_at"] == changed["start_at"]


def test_paused_schedule_is_held_until_resumed(owner, schedule):
    path = f"/api/v1/schedules/{schedule['id']}"
    assert owner.api.post(f"{path}/resume").json()["error"]["details"] == {
        "state": "active",
        "allowed_actions": ["pause"],
    }
    paused = owner.api.post(f"{path}/pause").json()
    assert (paused["state"], paused["next_run_at"], paused["allowed_actions"]) == ("paused", None, ["resume"])
    assert rows.fetch("SELECT due_at FROM schedule WHERE id = %s", schedule["id"]) == [(None,)]
    assert owner.api.patch(path, {"expression": "0 0 * * *"}).json()["state"] == "paused"
    assert owner.api.post(f"{path}/resume").json()["state"] == "active"


def test_ended_schedule_goes_on_with_a_new_rule(owner, schedule):
    rows.change("UPDATE schedule SET state = 'ended', due_at = NULL WHERE id = %s", schedule["id"])
    changed = owner.api.patch(f"/api/v1/schedules/{schedule['id']}", {"expression": "0 0 * * *"}).json()
    assert (changed["state"], changed["problem"]) == ("active", "")
    assert changed["next_run_at"] is not None


def test_deleted_schedule_is_gone_and_its_executions_stay(owner, schedule):
    execution = rows.execution(
        (schedule["job"], owner.tenant.id), "succeeded", schedule_id=schedule["id"], trigger="schedule"
    )
    path = f"/api/v1/schedules/{schedule['id']}"
    listed = owner.api.get(f"{path}/executions").json()["data"]
    assert [row["id"] for row in listed] == [str(execution)]
    assert owner.api.delete(path).status_code == 204
    assert owner.api.get(path).status_code == 404
    assert owner.api.get("/api/v1/executions", schedule=schedule["id"]).json()["data"][0]["id"] == str(execution)


def test_schedule_of_a_job_that_is_not_there_is_not_found(owner):
    answer = owner.api.post("/api/v1/schedules", {"job": "nightly", **CRON})
    assert (answer.status_code, list(answer.json()["error"]["details"])) == (404, ["job"])


LAST_BUSINESS_DAY = {"every": "month", "on": {"business_day": -1}, "at": ["17:00"]}


def test_recurrence_rule_is_counted_from_now_previewed_and_changed(owner, make_job):
    make_job()
    rule = {"kind": "rrule", "rrule": "FREQ=DAILY;INTERVAL=2;BYHOUR=9;BYMINUTE=0;BYSECOND=0"}
    added = owner.api.post("/api/v1/schedules", {"job": "nightly", **rule}).json()
    assert added["start_at"] is not None
    assert added["next_run_at"].endswith("T09:00:00Z")
    path = f"/api/v1/schedules/{added['id']}"
    changed = owner.api.patch(path, {"rrule": rule["rrule"].replace("HOUR=9", "HOUR=10")}).json()
    assert (changed["start_at"], changed["next_run_at"][-10:]) == (added["start_at"], "T10:00:00Z")
    put = owner.api.put(path, {**rule, "timezone": "Asia/Kolkata"}).json()
    assert (put["start_at"], put["next_run_at"][-10:]) == (added["start_at"], "T03:30:00Z")
    preview = owner.api.post(
        "/api/v1/schedules/preview", {**rule, "start_at": "2027-01-01T00:00:00Z", "count": 2}
    ).json()
    assert preview["next"][0]["at"] >= "2027-01-01T09:00:00Z"
    assert owner.api.post("/api/v1/schedules/preview", rule).json()["next"][0]["at"][-10:] == "T09:00:00Z"


def test_calendar_rule_is_stored_and_its_time_alone_is_patched(owner, make_job):
    make_job()
    rule = {"kind": "calendar", "rule": LAST_BUSINESS_DAY, "timezone": "Europe/Berlin"}
    preview = owner.api.post("/api/v1/schedules/preview", {**rule, "after": "2027-02-27T00:00:00Z", "count": 1}).json()
    assert preview["next"][0]["local"] == "2027-03-31T17:00:00+02:00"
    added = owner.api.post("/api/v1/schedules", {"job": "nightly", **rule}).json()
    assert (added["rule"], added["start_at"]) == (LAST_BUSINESS_DAY, None)
    changed = owner.api.patch(f"/api/v1/schedules/{added['id']}", {"rule": {"at": ["18:30"]}}).json()
    assert changed["rule"] == {**LAST_BUSINESS_DAY, "at": ["18:30"]}
    declared = {"type": "dummy", "schedules": [{**rule, "rule": changed["rule"]}]}
    assert owner.api.put("/api/v1/jobs/nightly", declared).json()["outcome"] == "unchanged"
    declared["schedules"][0]["rule"] = {**LAST_BUSINESS_DAY, "months": [3]}
    told = owner.api.put("/api/v1/jobs/nightly", declared).json()
    assert (told["outcome"], told["schedules"][0]["id"]) == ("updated", added["id"])


def test_h_is_another_minute_for_each_schedule(owner, make_job):
    make_job()
    added = [
        owner.api.post("/api/v1/schedules", {"job": "nightly", "kind": "cron", "expression": "H H(1-22) * * *"}).json()
        for _ in range(6)
    ]
    minutes = {row["next_run_at"][11:16] for row in added}
    assert len(minutes) > 1


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        ({"kind": "cron", "expression": ""}, "expression", "is required"),
        ({"kind": "cron", "expression": "* * *"}, "expression", "has 3 fields; write minute hour"),
        (
            {"kind": "cron", "expression": "0,61 * * * *"},
            "expression",
            "minute 61 is out of range; write 0 to 59 (at character 3)",
        ),
        ({"kind": "cron", "expression": "0-99999999999 * * * *"}, "expression", "(at character 1)"),
        ({"kind": "cron", "expression": "0 0 31 2 *"}, "expression", "would never fire"),
        (
            {"kind": "cron", "expression": "0 0 * * *", "timezone": "Mars/Base"},
            "timezone",
            "unknown time zone 'Mars/Base'",
        ),
        ({"kind": "rrule", "rrule": ""}, "rrule", "is required"),
        ({"kind": "rrule", "rrule": "FREQ=DAILY;BYMINUTE=61"}, "rrule", "BYMINUTE 61 is out of range"),
        ({"kind": "rrule", "rrule": "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"}, "rrule", "would not fire"),
        ({"kind": "rrule", "rrule": "FREQ=DAILY;COUNT=999999999"}, "rrule", "COUNT 999999999 is too many"),
        ({"kind": "calendar", "rule": {}}, "rule.every", "must be one of week, month"),
        ({"kind": "calendar", "rule": {**LAST_BUSINESS_DAY, "on": {"day": 32}}}, "rule.on.day", "must be 1 to 31"),
        ({"kind": "calendar", "rule": {**LAST_BUSINESS_DAY, "at": ["9"]}}, "rule.at[0]", "write times such as 17:00"),
        ({"kind": "moon"}, "kind", "unknown kind 'moon'; known are"),
    ],
)
def test_bad_rule_is_refused_by_field_and_place(owner, make_job, rule, field, message):
    make_job()
    for path, more in (("/api/v1/schedules", {"job": "nightly"}), ("/api/v1/schedules/preview", {})):
        answer = owner.api.post(path, {**rule, **more, "start_at": "2027-01-01T00:00:00Z"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "INVALID_SCHEDULE")
        assert message in answer.json()["error"]["details"][field][0]
