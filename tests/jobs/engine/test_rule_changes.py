"""A rule that is changed at any instant: each slot of the old one and of the new one is accounted for, and once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

import pytest

from jobs import triggers
from jobs.engine import planner
from tests.support import actors, logins, rows, shut

pytestmark = pytest.mark.usefixtures("empty_database")

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
RULES = [
    ("expression", "* * * * * *"),
    ("expression", "*/2 * * * * *"),
    ("expression", "1-59/3 * * * * *"),
    ("expression", "0 0 1 1 *"),
    ("timezone", "Asia/Kolkata"),
    ("timezone", "Europe/Berlin"),
]


def slots(schedule: UUID) -> list[datetime]:
    found = rows.fetch("SELECT scheduled_for FROM execution WHERE schedule_id = %s ORDER BY 1", schedule)
    return [row[0] for row in found]


def plan() -> None:
    with logins.engine():
        planner.plan_due()


@pytest.mark.usefixtures("as_engine")
@pytest.mark.parametrize("seed", range(20))
def test_a_new_rule_fires_from_the_change_or_the_last_slot_of_the_old_one_on_and_misses_none(seed: int) -> None:
    chance = random.Random(seed)
    schedule = rows.schedule(rows.job(), expression=chance.choice(RULES[:4])[1])
    for _ in range(3):
        planner.plan_due()
        old = slots(schedule)
        column, value = chance.choice(RULES)
        rows.change(f"UPDATE schedule SET {column} = %s WHERE id = %s", value, schedule)
        changed, before = rows.now(), rows.now() + planner.AHEAD
        planner.plan_due()
        ((expression, zone),) = rows.fetch("SELECT expression, timezone FROM schedule WHERE id = %s", schedule)
        rule = triggers.build("cron", {"expression": expression, "timezone": zone})
        new = slots(schedule)[len(old) :]
        assert slots(schedule)[: len(old)] == old
        until = max([before, *new])
        found = takewhile(lambda slot: slot.at <= until, rule.after(max([changed, *old])))  # noqa: B023 - used at once
        assert new == [slot.at for slot in found]


@pytest.mark.usefixtures("as_engine")
def test_a_run_that_is_moved_into_the_seconds_that_are_planned_ahead_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "AHEAD", 60 * SECOND)
    far = rows.now() + timedelta(days=1)
    schedule = rows.schedule(rows.job(), kind="once", expression="", run_at=far)
    planner.plan_due()
    soon = rows.now() + 50 * SECOND
    rows.change("UPDATE schedule SET run_at = %s WHERE id = %s", soon, schedule)
    planner.plan_due()
    assert slots(schedule) == [soon]


def test_what_a_change_tells_as_the_next_run_is_what_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "AHEAD", 60 * SECOND)
    owner = actors.owner()
    far = rows.now() + timedelta(days=1)
    schedule = rows.schedule(rows.job(owner.tenant.id), kind="once", expression="", run_at=far)
    plan()
    soon = (rows.now() + 50 * SECOND).replace(microsecond=0)
    answer = owner.api.patch(f"/api/v1/schedules/{schedule}", {"run_at": soon.isoformat()})
    assert answer.status_code == 200, answer.content
    assert datetime.fromisoformat(answer.json()["next_run_at"]) == soon
    plan()
    assert slots(schedule) == [soon]
    # That one is made already, and what would lie before it never fires.
    sooner = owner.api.patch(f"/api/v1/schedules/{schedule}", {"run_at": (soon - SECOND).isoformat()})
    assert (sooner.status_code, sooner.json()["error"]["code"]) == (422, "INVALID_SCHEDULE"), sooner.content


def _paused(job: Any, schedule: UUID) -> None:
    rows.change("UPDATE schedule SET state = 'paused' WHERE id = %s", schedule)


def _job_paused(job: Any, schedule: UUID) -> None:
    rows.change("UPDATE job SET state = 'paused' WHERE id = %s", job[0])


def _maintained(job: Any, schedule: UUID) -> None:
    shut.maintenance(job[1])
    rows.change("UPDATE schedule SET due_at = %s WHERE id = %s", rows.now() + HOUR, schedule)


HOLDS: dict[str, Callable[[Any, UUID], None]] = {
    "PAUSED_SCHEDULE": _paused, "PAUSED_JOB": _job_paused, "BLACKOUT": _maintained,
}  # fmt: skip


@pytest.mark.parametrize("reason", HOLDS)
def test_what_was_missed_while_it_was_held_is_accounted_for_when_its_rule_is_changed(reason: str) -> None:
    owner = actors.owner()
    job = rows.job(owner.tenant.id)
    start = rows.now() - timedelta(minutes=30.5)
    rule = {"kind": "interval", "expression": "", "interval_seconds": 60, "start_at": start}
    schedule = rows.schedule(job, **rule, planned_until=rows.now())
    HOLDS[reason](job, schedule)
    rows.change("UPDATE schedule SET planned_until = %s WHERE id = %s", start - SECOND, schedule)
    rows.change(
        "UPDATE schedule SET holds = jsonb_set(holds, '{0,0}', to_jsonb(%s::timestamptz)) WHERE id = %s AND holds <> '[]'",
        start - SECOND, schedule,
    )  # fmt: skip
    answer = owner.api.patch(f"/api/v1/schedules/{schedule}", {"interval_seconds": 7200})
    assert answer.status_code == 200, answer.content
    made = rows.fetch("SELECT state, reason, folded_count FROM execution WHERE schedule_id = %s", schedule)
    assert made == [("skipped", reason, 31)]
    state, due_at = rows.fetch("SELECT state, due_at FROM schedule WHERE id = %s", schedule)[0]
    assert (state, due_at is None) == ("paused" if reason == "PAUSED_SCHEDULE" else "active", reason != "BLACKOUT")
    plan()
    assert len(slots(schedule)) == 1
