"""Calendars at the console: made from a form, their days of a year, and who goes by them."""

from __future__ import annotations

import json

import pytest

from tests.support import console as support
from tests.support import rows
from tests.support.console import Console

pytestmark = pytest.mark.usefixtures("empty_database")


@pytest.fixture
def console() -> Console:
    return Console()


def made(console: Console, tenant: object, **fields: object) -> str:
    answer = console.client.post(
        support.url("jobs_calendar_add"), {"tenant": str(tenant), "weekend": ["sunday"], **fields}
    )
    assert answer.status_code == 302, support.problems(answer)
    return str(rows.fetch("SELECT id FROM calendar WHERE name = %s", fields["name"])[0][0])


def test_a_calendar_is_made_from_lines_and_edited(console: Console) -> None:
    dates = "2026-12-24..2026-12-26 yearly Closed\n2026-05-15 Bridge day"
    key = made(console, rows.tenant(), name="office", kind="dates", dates=dates)
    page = support.text_of(console.page("jobs_calendar_change", key, year="2027"))
    assert "2027-12-25" in page
    assert "Closed" in page
    assert "Bridge day" not in page
    assert dates in console.page("jobs_calendar_edit", key)
    console.pressed("jobs_calendar_edit", key, name="office", dates="2026-05-15", weekend=["friday"])
    stored = rows.fetch("SELECT dates, weekend FROM calendar")[0]
    assert stored == ([{"date": "2026-05-15", "until": None, "note": "", "yearly": False}], [4])


def test_a_line_that_is_no_day_is_refused_where_it_was_typed(console: Console) -> None:
    fields = {"tenant": str(rows.tenant()), "name": "office", "kind": "dates", "dates": "someday Closed"}
    answer = console.client.post(support.url("jobs_calendar_add"), fields)
    assert "must be a day such as 2026-12-24" in " ".join(support.problems(answer))


def test_the_page_names_who_uses_it_and_the_schedule_s_page_names_it(console: Console) -> None:
    of = rows.job()
    key = made(console, of[1], name="de", kind="holidays", country="DE", subdivision="BY")
    uses = [{"calendar": "de", "use": "exclude", "on_hit": "next_business_day"}]
    schedule = rows.schedule(of, calendars=json.dumps(uses))
    page = support.text_of(console.page("jobs_calendar_change", key, year="2026"))
    assert "Tag der Deutschen Einheit" in page
    assert "exclude, next business day" in page
    assert "de (exclude, next business day)" in support.text_of(console.page("jobs_schedule_change", schedule)).replace(
        " ( ", " ("
    ).replace("de  (", "de (")
    refused = console.press("jobs_calendar_delete", key, because="")
    assert "is used by schedules of the jobs" in refused.content.decode()


def test_holidays_are_refreshed_and_a_file_is_imported(console: Console) -> None:
    tenant = rows.tenant()
    key = made(console, tenant, name="de", kind="holidays", country="DE")
    rows.change("UPDATE calendar SET dates = '[]' WHERE id = %s", key)
    console.pressed("jobs_calendar_refresh", key)
    assert rows.fetch("SELECT jsonb_array_length(dates) > 200 FROM calendar")[0][0]
    file = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:{}\nEND:VEVENT\nEND:VCALENDAR\n"
    shut = made(console, tenant, name="shut", kind="ical", ical=file.format("20261224"))
    console.pressed("jobs_calendar_import_file", shut, ical=file.format("20261225"))
    assert rows.fetch("SELECT dates -> 0 ->> 'date' FROM calendar WHERE id = %s", shut) == [("2026-12-25",)]
    assert "line 3" in console.press("jobs_calendar_import_file", shut, ical=file.format("x")).content.decode()
