"""Calendars over the API: made, inherited, used, and never pulled from under a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.services import calendar_room
from tests.support import rows

HOLIDAYS = {"name": "de", "kind": "holidays", "country": "DE", "subdivision": "BY"}
CLOSED = {"name": "office", "dates": [{"date": "2026-12-24", "until": "2026-12-31", "note": "Closed", "yearly": True}]}
FILE = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nSUMMARY:Shut\nEND:VEVENT\nEND:VCALENDAR\n"


@pytest.fixture
def make(owner):
    def post(**fields):
        answer = owner.api.post("/api/v1/calendars", fields)
        assert answer.status_code == 201, answer.json()
        return answer.json()

    return post


def days(owner, calendar, since, until):
    answer = owner.api.get(f"/api/v1/calendars/{calendar['id']}/days?from={since}&until={until}")
    assert answer.status_code == 200, answer.json()
    return [(day["date"], day["note"]) for day in answer.json()["data"]]


def refused(answer, status=422):
    assert answer.status_code == status, answer.content
    return answer.json()["error"]["details"]


def cron(calendar, **use):
    return {
        "kind": "cron",
        "expression": "0 9 * * *",
        "timezone": "Europe/Berlin",
        "calendars": [{"calendar": calendar, **use}],
    }


def test_public_holidays_are_written_down_in_the_country_s_own_words(owner, make):
    calendar = make(**HOLIDAYS)
    assert days(owner, calendar, "2026-10-01", "2026-11-30") == [
        ("2026-10-03", "Tag der Deutschen Einheit"),
        ("2026-11-01", "Allerheiligen"),
    ]
    assert calendar["source"].startswith("holidays ")
    assert calendar["weekend"] == ["saturday", "sunday"]


def test_what_was_written_down_changes_only_by_a_refresh_that_tells_the_difference(owner, make):
    calendar = make(**HOLIDAYS)
    rows.change(
        'UPDATE calendar SET dates = jsonb_build_array(dates -> 0, \'{"date": "2026-02-03", "until": null, "note": "Gone", "yearly": false}\'::jsonb) WHERE id = %s',
        calendar["id"],
    )
    path = f"/api/v1/calendars/{calendar['id']}"
    tried = owner.api.post(f"{path}/refresh?dry_run=true", {}).json()
    assert (tried["outcome"], owner.api.get(path).json()["dates"][1]["note"]) == ("updated", "Gone")
    told = owner.api.post(f"{path}/refresh", {}).json()
    assert [entry["note"] for entry in told["removed"]] == ["Gone"]
    assert len(told["added"]) == len(calendar["dates"]) - 1
    assert told["dates"] == calendar["dates"]


def test_days_are_inherited_and_follow_what_they_come_from(owner, make):
    make(**CLOSED)
    make(name="team", extends=["office"], dates=[{"date": "2026-12-23"}])
    calendar = make(name="we", extends=["team"])
    assert days(owner, calendar, "2027-12-01", "2027-12-25") == [("2027-12-24", "Closed"), ("2027-12-25", "Closed")]
    assert owner.api.patch("/api/v1/calendars/" + ids(owner)["office"], {"dates": []}).status_code == 200
    assert days(owner, calendar, "2026-12-01", "2026-12-31") == [("2026-12-23", "")]


def ids(owner):
    return {each["name"]: each["id"] for each in owner.api.get("/api/v1/calendars").json()["data"]}


def test_a_cycle_is_refused_by_its_path(owner, make):
    first = make(name="a")
    make(name="b", extends=["a"])
    make(name="c", extends=["b"])
    answer = owner.api.patch(f"/api/v1/calendars/{first['id']}", {"extends": ["c"]})
    assert answer.json()["error"]["code"] == "CYCLE"
    assert "a → c → b → a" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "holidays"}, "country"),
        ({"kind": "holidays", "country": "XX"}, "country"),
        ({"kind": "holidays", "country": "DE", "subdivision": "CA"}, "subdivision"),
        ({"kind": "ical"}, "ical"),
        ({"kind": "ical", "ical": FILE + "x"}, "ical"),
        ({"country": "DE"}, "country"),
        ({"dates": [{"date": "2026-02-30"}]}, "dates[0].date"),
        ({"dates": [{"date": "2026-02-03", "until": "2026-02-01"}]}, "dates[0].until"),
        ({"dates": [{"date": "2300-02-03"}]}, "dates[0].date"),
        ({"dates": [{"date": f"{year}-01-01", "until": f"{year}-12-31"} for year in range(1971, 1999)]}, "dates"),
        ({"extends": ["nowhere"]}, "extends[0]"),
        ({"weekend": ["caturday"]}, "weekend[0]"),
    ],
)
def test_a_bad_calendar_is_refused_by_its_field(owner, fields, field):
    assert list(refused(owner.api.post("/api/v1/calendars", {"name": "n", **fields}))) == [field]


def test_a_file_is_imported_and_given_back(owner, make):
    calendar = make(name="shut", kind="ical", ical=FILE)
    path = f"/api/v1/calendars/{calendar['id']}"
    assert days(owner, calendar, "2026-12-01", "2026-12-31") == [("2026-12-24", "Shut")]
    file = owner.api.get(f"{path}/ical")
    assert file["Content-Type"] == "text/calendar; charset=utf-8"
    again = owner.api.post(f"{path}/import", {"ical": file.content.decode()})
    assert again.json()["dates"] == calendar["dates"]
    bad = owner.api.post(f"{path}/import", {"ical": FILE.replace("20261224", "tomorrow")})
    assert refused(bad)["ical"] == ["line 3: DTSTART must be a day such as 20261224 or a time such as 20261224T180000Z"]


def test_a_tag_guards_against_another_editor(owner, make):
    calendar = make(**CLOSED)
    path = f"/api/v1/calendars/{calendar['id']}"
    tag = owner.api.get(path)["ETag"]
    assert owner.api.ask("patch", path, {"description": "x"}, If_Match=tag).status_code == 200
    assert owner.api.ask("patch", path, {"description": "y"}, If_Match=tag).status_code == 412


@pytest.mark.parametrize(
    ("uses", "field"),
    [
        ([{"calendar": "nowhere"}], "calendars[0].calendar"),
        ([{"calendar": "office"}, {"calendar": "office"}], "calendars[1].calendar"),
        ([{"calendar": "office", "use": "only"}], "calendars[0].use"),
        ([{"calendar": "office", "on_hit": "run"}], "calendars[0].on_hit"),
        ([{"use": "include"}], "calendars[0].calendar"),
        ([{"calendar": "office"}] * 11, "calendars"),
    ],
)
def test_a_bad_use_is_refused_where_it_stands(owner, make, make_job, uses, field):
    make(**CLOSED)
    job = make_job()
    schedule = {**cron("office"), "job": job["id"], "calendars": uses}
    assert list(refused(owner.api.post("/api/v1/schedules", schedule))) == [field]
    assert list(refused(owner.api.post("/api/v1/schedules/preview", {**cron("office"), "calendars": uses}))) == [field]


def test_the_preview_shows_what_is_left_out_and_what_is_moved(owner, make):
    make(name="office", dates=[{"date": "2026-06-04", "note": "Corpus Christi"}])
    preview = {**cron("office"), "expression": "0 9 * * 4", "after": "2026-06-01T00:00:00Z", "count": 1}
    shown = owner.api.post("/api/v1/schedules/preview", preview).json()["next"]
    assert (shown[0]["at"], shown[0]["note"]) == ("2026-06-04T07:00:00Z", "HOLIDAY")
    preview["calendars"][0]["on_hit"] = "next_business_day"
    shown = owner.api.post("/api/v1/schedules/preview", preview).json()["next"]
    assert (shown[0]["at"], shown[0]["note"]) == ("2026-06-05T07:00:00Z", "HOLIDAY")


def test_one_in_use_stays_and_says_who_uses_it(owner, make, make_job):
    calendar = make(**CLOSED)
    make(name="more", extends=["office"])
    make_job(schedules=[cron("office")])
    assert (
        owner.api.patch(
            f"/api/v1/tenants/{owner.tenant.slug}/defaults", {"calendars": [{"calendar": "office"}]}
        ).status_code
        == 200
    )
    answer = owner.api.delete(f"/api/v1/calendars/{calendar['id']}")
    told = refused(answer, 409)
    assert (told["jobs"], told["calendars"], told["defaults"], len(told["schedules"])) == (
        ["nightly"],
        ["more"],
        True,
        1,
    )


def test_a_new_name_is_the_schedules_new_name_and_what_was_planned_stays(owner, make, make_job):
    calendar = make(**CLOSED)
    job = make_job(schedules=[cron("office", on_hit="next_business_day")])
    owner.api.patch(f"/api/v1/tenants/{owner.tenant.slug}/defaults", {"calendars": [{"calendar": "office"}]})
    held = datetime.now(UTC) - timedelta(days=3)
    rows.change("UPDATE schedule SET state = 'paused' WHERE job_id = %s", job["id"])
    rows.change("UPDATE schedule SET planned_until = %s WHERE job_id = %s", held, job["id"])
    assert owner.api.patch(f"/api/v1/calendars/{calendar['id']}", {"name": "bureau"}).status_code == 200
    assert rows.fetch("SELECT calendars, planned_until, due_at FROM schedule WHERE job_id = %s", job["id"]) == [
        ([{"calendar": "bureau", "use": "exclude", "on_hit": "next_business_day"}], held, None)
    ]
    made = owner.api.post("/api/v1/schedules", {"job": job["id"], "kind": "cron", "expression": "0 1 * * *"}).json()
    assert made["calendars"] == [{"calendar": "bureau", "use": "exclude", "on_hit": "skip"}]


def test_a_change_is_looked_at_at_once_and_others_are_left_alone(owner, make, make_job):
    calendar = make(**CLOSED)
    make(name="more", extends=["office"])
    job = make_job(schedules=[cron("more"), {"kind": "cron", "expression": "0 9 * * *"}])
    later = datetime.now(UTC) + timedelta(hours=1)
    rows.change("UPDATE schedule SET due_at = %s, next_run_at = %s WHERE job_id = %s", later, later, job["id"])
    before = rows.fetch("SELECT planned_until FROM schedule WHERE job_id = %s ORDER BY id", job["id"])
    owner.api.patch(f"/api/v1/calendars/{calendar['id']}", {"dates": []})
    dues = rows.fetch("SELECT due_at, planned_until FROM schedule WHERE job_id = %s ORDER BY id", job["id"])
    assert [due <= datetime.now(UTC) for due, _ in dues] == [True, False]
    assert [(until,) for _, until in dues] == before


def test_a_dry_run_stores_nothing(owner, make):
    tried = owner.api.post("/api/v1/calendars?dry_run=true", CLOSED).json()
    assert (tried["outcome"], tried["calendar"]["name"]) == ("created", "office")
    assert owner.api.get("/api/v1/calendars").json()["data"] == []
    calendar = make(**CLOSED)
    tried = owner.api.delete(f"/api/v1/calendars/{calendar['id']}?dry_run=true").json()
    assert tried["outcome"] == "deleted"
    assert owner.api.get(f"/api/v1/calendars/{calendar['id']}").status_code == 200


def test_calendars_of_a_tenant_hold_so_many_days_together_with_what_they_inherit(owner, make, monkeypatch):
    monkeypatch.setattr(calendar_room, "MOST_DAYS", 100)
    year = {"date": "2026-01-01", "until": "2026-02-09"}
    base = make(name="base", dates=[year])
    heir = make(name="heir", extends=["base"])
    answer = owner.api.post("/api/v1/calendars", {"name": "third", "extends": ["heir"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "QUOTA_EXCEEDED")
    path = f"/api/v1/calendars/{base['id']}"
    grown = {"dates": [year, {"date": "2027-01-01", "until": "2027-01-11"}]}
    assert owner.api.patch(path, grown).status_code == 409, "its heir grows with it"
    assert len(days(owner, heir, "2026-01-01", "2027-12-31")) == 40, "nothing is half done"
    monkeypatch.setattr(calendar_room, "MOST_DAYS", 10)
    assert owner.api.patch(path, {"dates": [{"date": "2026-01-01"}] * 2}).status_code == 200, "less is always fine"
    monkeypatch.setattr(calendar_room, "MOST_CHARACTERS", 10)
    assert owner.api.patch(path, {"dates": [{"date": "2026-01-01", "note": "n" * 11}]}).status_code == 409
