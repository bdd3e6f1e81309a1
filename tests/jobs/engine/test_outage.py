"""After three hours without a planner: exactly the promised rows of every misfire policy, whatever happens meanwhile.

Here with few schedules; `CARILLON_OUTAGE_SCHEDULES=1000` tries it with as many as the promise names.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from jobs import sql
from jobs.engine import planner
from tests.support import rows
from tests.support.threads import together

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

MINUTE = rows.timedelta(minutes=1)
EVERY = 10 * MINUTE
OUTAGE = 18  # slots
SCHEDULES = int(os.environ.get("CARILLON_OUTAGE_SCHEDULES", "48"))
#: Misfire policy, how many it runs at most, and how many of the newest slots lie in the window.
POLICIES = [(misfire, most, window) for misfire, most in (("skip", 0), ("last", 1), ("all", 99), ("at_most", 5))
            for window in (99, 12)]  # fmt: skip


def outage() -> dict[UUID, Counter[tuple[datetime, str]]]:
    """Schedules that missed eighteen slots each, the newest five minutes ago; what must be told of each slot."""
    jobs = [rows.job(rows.tenant(), overlap="queue_all") for _ in range(4)]
    newest = rows.now() - 5 * MINUTE
    slots = [newest - n * EVERY for n in range(OUTAGE)]
    promised = {}
    for number in range(SCHEDULES):
        misfire, most, window = POLICIES[number % len(POLICIES)]
        schedule = rows.schedule(
            jobs[number % 4], kind="interval", expression="", interval_seconds=600, start_at=slots[-1],
            planned_until=slots[-1] - MINUTE, misfire=misfire, misfire_max=max(most, 1),
            catch_up_window_seconds=((window * EVERY).total_seconds()),
        )  # fmt: skip
        promised[schedule] = Counter((slot, _fate(place, most, window)) for place, slot in enumerate(slots))
    return promised


def _fate(place: int, most: int, window: int) -> str:
    if place >= window:
        return "CATCHUP_EXPIRED"
    return "" if place < most else "MISFIRE"


def found() -> dict[UUID, Counter[tuple[datetime, str]]]:
    """What is told of each slot, those that are folded one by one."""
    told: dict[UUID, Counter[tuple[datetime, str]]] = {}
    for schedule, at, count, until, reason in rows.fetch(
        "SELECT schedule_id, scheduled_for, folded_count, folded_until, reason FROM execution"
    ):
        row = told.setdefault(schedule, Counter())
        row.update((at + n * EVERY, reason) for n in range(count or 1))
        assert until is None or until == at + (count - 1) * EVERY
    return told


def test_every_slot_is_told_of_once_though_a_planner_crashes_and_two_go_on(monkeypatch):
    promised = outage()
    monkeypatch.setattr(planner, "BATCH", 9 if SCHEDULES < 500 else 300)
    run, batches = sql.run, []

    def crash(name: str, /, **parameters: Any) -> list[Any]:
        done = run(name, **parameters)
        if name == "advance_schedules":
            batches.append(name)
            if len(batches) == 2:
                raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(sql, "run", crash)
        with pytest.raises(KeyboardInterrupt):
            planner.plan_due()
    assert 0 < len(found()) < SCHEDULES
    together([planner.plan_due] * 2)
    assert found() == promised
    # Those that run are behind live work, each tenant's under one operation.
    behind = rows.fetch(
        "SELECT count(DISTINCT operation_id), count(*) FROM execution WHERE operation_id IS NOT NULL GROUP BY tenant_id"
    )
    assert {operations for operations, _ in behind} == {1}
    running = sum(count for counts in promised.values() for (_, reason), count in counts.items() if not reason)
    live = rows.fetch("SELECT count(*) FROM execution WHERE operation_id IS NULL AND reason = ''")[0][0]
    assert sum(count for _, count in behind) + live == running
    # Planned again from before the outage, each slot meets its own row.
    rows.change("UPDATE schedule SET planned_until = planned_until - interval '4 hours', due_at = now()")
    planner.plan_due()
    assert found() == promised


def test_after_a_day_paused_the_same_policy_holds_and_nothing_floods():
    job = rows.job()
    begun = rows.now() - 24 * 6 * EVERY + 5 * MINUTE
    rule = {
        "kind": "interval",
        "expression": "",
        "interval_seconds": 600,
        "start_at": begun,
        "planned_until": begun - MINUTE,
    }
    every = rows.schedule(job, **rule, misfire="all", catch_up_window_seconds=2 * 86_400)
    newest = rows.schedule(job, **rule)
    rows.change("UPDATE schedule SET state = 'paused'")
    rows.change("UPDATE schedule SET holds = jsonb_set(holds, '{0,0}', to_jsonb(%s::timestamptz))", begun - MINUTE)
    rows.change("UPDATE schedule SET state = 'active'")
    planner.plan_due()
    assert rows.fetch(
        "SELECT count(*) FROM execution WHERE schedule_id = %s AND state = 'pending' AND waiting_on LIKE 'op:%%'", every
    ) == [(144,)]
    assert rows.fetch(
        "SELECT reason, folded_count FROM execution WHERE schedule_id = %s ORDER BY scheduled_for", newest
    ) == [("PAUSED_SCHEDULE", 143), ("", None)]  # fmt: skip
