"""A page that shows schedules looks up the calendars of all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from jobs import sql
from tests.support import rows


def _add(owner: Any, number: int) -> None:
    name = f"days-{number}"
    dates = [{"date": "2030-01-01", "yearly": True}]
    made = owner.api.post("/api/v1/calendars", {"name": name, "kind": "dates", "dates": dates})
    assert made.status_code == 201, made.content
    rows.schedule(rows.job(owner.tenant.id, name=f"job-{number}"), calendars=[{"calendar": name}])


@pytest.mark.parametrize(
    ("path", "query", "looks"),
    [
        ("schedules", {}, 1),
        ("jobs", {}, 1),
        ("schedules", {"fields": "id,kind"}, 0),
        ("jobs", {"fields": "name,schedules.kind"}, 0),
        ("jobs", {"fields": "name"}, 0),
    ],
)
def test_sentences_of_a_page_are_one_look_at_the_calendars(owner, monkeypatch, path, query, looks):
    for number in range(4):
        _add(owner, number)
    asked: list[str] = []
    real = sql.run
    monkeypatch.setattr(sql, "run", lambda name, **values: asked.append(name) or real(name, **values))
    page = owner.api.get(f"/api/v1/{path}", **query).json()["data"]
    assert len(page) == 4
    assert asked.count("calendars_named") == looks
    if looks:
        shown = [schedule for row in page for schedule in row.get("schedules", [row])]
        assert all("days-" in schedule["sentence"] for schedule in shown)
