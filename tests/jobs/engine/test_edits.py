"""An edited schedule fires by its new rule from then on: at once, whoever edits it, no slot twice, no other disturbed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jobs.engine import planner
from jobs.engine.timer import Timer
from tests.support import actors, logins, rows
from tests.support import console as support
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("empty_database")

EVERY_SECOND = "* * * * * *"
#: What planning itself moves.
_PLANNED = ("planned_until", "next_run_at", "due_at", "runs")


@pytest.fixture
def engine(empty_database: None) -> Iterator[Timer]:
    """The engine's own thread, logged in as the engine, while this process goes on as the web."""
    timer = Timer()
    with logins.engine():
        timer.start()
        assert eventually(lambda: rows.fetch("SELECT 1 FROM pulse"))
    yield timer
    timer.stop()
    timer.join(60)


def by_api(owner: Any, schedule: UUID) -> None:
    answer = owner.api.patch(f"/api/v1/schedules/{schedule}", {"expression": EVERY_SECOND})
    assert answer.status_code == 200, answer.content


def by_console(owner: Any, schedule: UUID) -> None:
    console = support.Console(support.member(owner.tenant.id, "editor"))
    form = {
        "expression": EVERY_SECOND, "timezone": "UTC", "dst_gap": "run_after_gap", "dst_fold": "first", "misfire": "last",
        "misfire_max": "1", "jitter_seconds": "0",
    }  # fmt: skip
    answer = console.client.post(support.url("jobs_schedule_rule", schedule), form)
    assert answer.status_code == 302, support.problems(answer)


def by_sql(owner: Any, schedule: UUID) -> None:
    rows.change("UPDATE schedule SET expression = %s WHERE id = %s", EVERY_SECOND, schedule)


def whole(schedules: list[UUID], *, without: tuple[str, ...] = ()) -> list[Any]:
    found = rows.fetch("SELECT to_jsonb(s) FROM schedule s WHERE id = ANY(%s) ORDER BY id", schedules)
    return [{name: value for name, value in row[0].items() if name not in without} for row in found]


@pytest.mark.parametrize("edit", [by_api, by_console, by_sql])
def test_an_edit_is_what_fires_next_and_disturbs_no_other(engine: Timer, edit: Callable[[Any, UUID], None]) -> None:
    owner = actors.owner()
    later = rows.now() + timedelta(days=90)
    daily = f"0 {later.minute} {later.hour} {later.day} {later.month} *"
    job = rows.job(owner.tenant.id)
    edited = rows.schedule(job, expression=daily)
    others = [rows.schedule(job, expression=daily) for _ in range(3)]
    busy = rows.schedule(job, expression="*/2 * * * * *")
    assert eventually(lambda: rows.fetch("SELECT count(*) FROM schedule WHERE due_at > now()") == [(5,)])
    untouched, unedited = whole(others), whole([busy], without=_PLANNED)
    before = rows.fetch("SELECT clock_timestamp()")[0][0]
    edit(owner, edited)
    after = rows.fetch("SELECT clock_timestamp()")[0][0]
    assert eventually(lambda: len(_slots(edited)) >= 3)
    slots = _slots(edited)
    # The first one is that of the next second, or, where the old rule was planned so far ahead, of the one after that.
    planned_ahead = planner.AHEAD + timedelta(seconds=1)
    assert before < slots[0] <= after + planned_ahead
    assert slots == [slots[0] + n * timedelta(seconds=1) for n in range(len(slots))]
    assert whole(others) == untouched
    assert whole([busy], without=_PLANNED) == unedited
    assert _slots(others[0]) == []


def _slots(schedule: UUID) -> list[Any]:
    found = rows.fetch("SELECT scheduled_for FROM execution WHERE schedule_id = %s ORDER BY scheduled_for", schedule)
    return [row[0] for row in found]


@pytest.mark.usefixtures("as_engine")
@pytest.mark.parametrize("seed", range(3))
def test_no_slot_that_was_planned_is_planned_again_whatever_is_edited_when(seed: int) -> None:
    """The same instant by another zone has another name, and so another id: only the schedule's own mark keeps it single."""
    chance = random.Random(seed)
    job = rows.job()
    schedule = rows.schedule(job, planned_until=rows.now() - timedelta(minutes=2), misfire="all")
    edits = [
        ("expression", ("* * * * * *", "*/2 * * * * *", "*/3 * * * * *", "0 * * * * *")),
        ("timezone", ("UTC", "Europe/Berlin", "Asia/Kolkata")),
        ("dst_fold", ("first", "both")),
    ]  # fmt: skip
    ran: list[Any] = []
    for _ in range(40):
        if chance.random() < 0.5:
            column, values = chance.choice(edits)
            rows.change(f"UPDATE schedule SET {column} = %s WHERE id = %s", chance.choice(values), schedule)
        else:
            planner.plan_due()
        now = _slots(schedule)
        assert now[: len(ran)] == ran
        assert len(now) == len(set(now))
        ran = now
    assert ran
