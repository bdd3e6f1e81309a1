"""Calendars are renamed and edited while schedules that use them are, and nobody waits for whom it holds up."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.support import rows
from tests.support.threads import together

RULE = {"kind": "cron", "expression": "0 0 * * *"}
NAMED = (
    "SELECT DISTINCT used ->> 'calendar' FROM schedule, jsonb_array_elements(calendars) AS used WHERE tenant_id = %s"
)


@pytest.fixture
def calendars(owner: Any) -> list[str]:
    """Addresses of two calendars, the second of which extends the first."""
    first = owner.api.post("/api/v1/calendars", {"name": "base", "dates": [{"date": "2126-01-01"}]})
    second = owner.api.post("/api/v1/calendars", {"name": "own", "dates": [], "extends": ["base"]})
    assert (first.status_code, second.status_code) == (201, 201), second.content
    return [f"/api/v1/calendars/{answer.json()['id']}" for answer in (first, second)]


@pytest.fixture
def schedules(owner: Any, calendars: list[str]) -> list[str]:
    """Addresses of schedules that name both."""
    uses = [{"calendar": "base"}, {"calendar": "own", "on_hit": "next_business_day"}]
    body = {"name": "a", "type": "dummy", "schedules": [{**RULE, "calendars": uses}] * 4}
    answer = owner.api.post("/api/v1/jobs", body)
    assert answer.status_code == 201, answer.content
    return [f"/api/v1/schedules/{each['id']}" for each in answer.json()["schedules"]]


def test_editors_of_calendars_and_of_schedules_do_not_lock_each_other_up(owner, calendars, schedules):
    for round_ in range(4):
        calls = []
        for n in range(3):
            calls += [partial(owner.api.patch, calendars[0], {"dates": [{"date": f"2126-{round_ + 1:02}-{n + 1:02}"}]})]
            calls += [partial(owner.api.patch, calendars[n % 2], {"name": f"name-{round_}-{n}"})]
            calls += [
                partial(owner.api.patch, path, {"expression": f"{n} {round_} * * *"}) for path in schedules[n % 2 :: 2]
            ]
            calls += [partial(owner.api.patch, "/api/v1/jobs/a", {"description": f"{round_} {n}"})]
        answers = together(calls)
        assert Counter(answer.status_code for answer in answers) == {200: len(calls)}, [
            each.content for each in answers
        ]
    named = {owner.api.get(path).json()["name"] for path in calendars}
    assert {name for (name,) in rows.fetch(NAMED, owner.tenant.id)} == named
