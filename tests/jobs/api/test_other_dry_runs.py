"""Dry runs of calendars and templates: the request itself, taken back. See test_dry_runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import dry_runs
from tests.support.dry_runs import DRY

CLOSED = {"name": "closed", "kind": "dates", "dates": [{"date": "2026-12-24", "note": "Closed"}]}
HOLIDAYS = {"name": "holidays", "kind": "holidays", "country": "DE", "subdivision": "BY"}
FILE = {
    "name": "file",
    "kind": "ical",
    "ical": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    "DTSTART;VALUE=DATE:20261224\r\nSUMMARY:Closed\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
}
TEMPLATE = {
    "name": "warm",
    "parameters": {"type": "object", "properties": {}},
    "body": {"name": "warm", "type": "dummy"},
}
#: (method, route): what is there before, the path's end, a body.
CALLS: dict[tuple[str, str], tuple[Any, str, Any]] = {
    ("post", "calendars"): (None, "calendars", CLOSED),
    ("patch", "calendars/<str:id>"): (CLOSED, "calendars/{id}", {"name": "shut"}),
    ("delete", "calendars/<str:id>"): (CLOSED, "calendars/{id}", None),
    ("post", "calendars/<str:id>/refresh"): (HOLIDAYS, "calendars/{id}/refresh", {}),
    ("post", "calendars/<str:id>/import"): (
        FILE,
        "calendars/{id}/import",
        {"ical": FILE["ical"].replace("20261224", "20261231")},
    ),
    ("post", "templates"): (None, "templates", TEMPLATE),
    ("patch", "templates/<str:id>"): (TEMPLATE, "templates/{id}", {"name": "cold"}),
    ("delete", "templates/<str:id>"): (TEMPLATE, "templates/{id}", None),
}


@pytest.fixture
def at(owner: Any) -> Any:
    """The address of a call, in the world it needs."""

    def arrange(call: tuple[str, str]) -> str:
        there, path, _ = CALLS[call]
        if there is None:
            return f"/api/v1/{path}"
        made = owner.api.post(f"/api/v1/{path.partition('/')[0]}", there)
        assert made.status_code == 201, made.content
        return f"/api/v1/{path.format(id=made.json()['id'])}"

    return arrange


def _known(calendar: Any) -> Any:
    return calendar and {
        name: value for name, value in calendar.items() if name not in {"id", "created_at", "updated_at"}
    }


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_it_leaves_no_row_changed_and_says_what_the_real_call_then_does(
    owner: Any, at: Any, call: tuple[str, str]
) -> None:
    path, body, many = at(call), CALLS[call][2], call[1].partition("/")[0]
    told = dry_runs.told(owner.api, call[0], path, body)
    assert set(told) == {"dry_run", "outcome", "diff", many[:-1]}
    for field, (old, new) in told["diff"].items():
        assert old != new, field

    real = owner.api.ask(call[0], path, body)
    assert real.status_code in (200, 201, 204), real.content
    unchanged = "unchanged" if call[1].endswith("refresh") else "updated"
    assert told["outcome"] == {201: "created", 204: "deleted"}.get(real.status_code, unchanged)
    stored = None if real.status_code == 204 else owner.api.get(f"/api/v1/{many}/{real.json()['id']}").json()
    assert _known(told[many[:-1]]) == _known(stored)


def test_it_is_refused_as_the_real_call_would_be(owner: Any, teammate: Any, at: Any) -> None:
    for call, (_, _, body) in CALLS.items():
        path = at(call)
        assert teammate.api.ask(call[0], path + DRY, body).status_code == 403, call
        if "<" in call[1]:
            assert owner.api.ask(call[0], path + DRY, body, If_Match='"another"').status_code == 412, call
            owner.api.delete(path.removesuffix("/refresh").removesuffix("/import"))
