"""What is caught up where runs are also bound by execution windows and maintenance: one pace, one lane, one look-up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs import sql
from jobs.engine import admission, operations, planner, spreads
from jobs.engine.admission import Seen
from jobs.models import Operation
from jobs.rules import background
from jobs.rules.calendar_days import Days
from jobs.services import operations as services
from jobs.services.operation_kinds import KINDS
from tests.support import rows, shut

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

MINUTE, HOUR = rows.timedelta(minutes=1), rows.timedelta(hours=1)
MANY = background.HANDFUL + 4


def missed(of: Any, **columns: Any) -> Any:
    """A schedule that missed more than a handful of slots, the newest five minutes ago."""
    start = rows.now() - 5 * MINUTE - (MANY - 1) * 10 * MINUTE
    rule = {"kind": "interval", "expression": "", "interval_seconds": 600, "start_at": start, "misfire": "all"}
    return rows.schedule(of, **rule, planned_until=start - MINUTE, **columns)


def closed() -> str:
    return json.dumps(shut.around(rows.now(), is_open=False, outside="wait"))


def found() -> list[Any]:
    return rows.fetch("SELECT state, waiting_on, priority, operation_id FROM execution ORDER BY scheduled_for")


def test_what_is_caught_up_and_waits_for_its_window_is_put_behind_once():
    missed(rows.job(overlap="allow", priority=7), execution_window=closed())
    planner.plan_due()
    recovery = Operation.objects.get(kind="recovery")
    assert found() == [("scheduled", "", background.behind(7), recovery.pk)] * MANY


def test_what_waits_for_the_pace_when_its_window_closes_comes_back_to_the_pace(queue):
    rows.worker(queues=(queue.name,), concurrency=20)
    missed(rows.job(queue_id=queue.name, overlap="allow"), execution_window=closed())
    planner.plan_due()
    recovery = Operation.objects.select_related("tenant").get(kind="recovery")
    services.pause(operation=recovery)
    opened = "UPDATE execution SET not_before = now() - interval '1 hour', start_before = now() + interval '1 hour'"
    rows.change(opened)
    assert admission.admit_all(Seen()).admitted == 0
    assert {(state, waiting_on) for state, waiting_on, *_ in found()} == {("pending", f"op:{recovery.pk}")}
    rows.change("UPDATE execution SET start_before = now() - interval '1 second'")
    assert spreads.postpone_late() == MANY
    assert {(state, waiting_on, of) for state, waiting_on, _, of in found()} == {("scheduled", "", recovery.pk)}
    rows.change(opened)
    assert admission.admit_all(Seen()).admitted == 0
    assert {(state, waiting_on) for state, waiting_on, *_ in found()} == {("pending", f"op:{recovery.pk}")}


def test_runs_of_a_recovery_that_is_aborted_do_not_count():
    schedule = missed(rows.job(overlap="allow"), max_runs=MANY)
    planner.plan_due()
    planner.plan_due()  # the last run was made: it is looked at once more, and ends
    runs = "SELECT state, runs FROM schedule WHERE id = %s"
    assert rows.fetch(runs, schedule) == [("ended", MANY)]
    services.cancel(operation=Operation.objects.select_related("tenant").get(kind="recovery"))
    rows.change("UPDATE operation SET next_step_at = now()")
    assert operations.step(KINDS)
    assert {state for state, *_ in found()} == {"skipped"}
    assert rows.fetch(runs, schedule) == [("active", 0)]


def test_schedules_that_maintenance_holds_share_one_look_up_of_their_calendars(monkeypatch):
    of = rows.job()
    made = {"created_at": rows.now(), "updated_at": rows.now(), "description": "", "country": "", "subdivision": ""}
    rows.insert(
        "calendar", id=rows.uuid4(), tenant_id=of[1], name="off", kind="dates", dates="[]", extends="[]", weekend="[]",
        days=json.dumps(Days({}).stored()), digest="none", source="", owner="", **made,
    )  # fmt: skip
    for _ in range(5):
        rows.schedule(of, calendars=json.dumps([{"calendar": "off", "use": "exclude", "on_hit": "skip"}]))
    window = shut.maintenance(of[1])
    said, run = [], sql.run
    monkeypatch.setattr(sql, "run", lambda name, **more: (said.append(name), run(name, **more))[1])
    assert planner.plan_due() == 0
    assert said.count("calendars_named") == 1
    ((closes_at,),) = rows.fetch("SELECT closes_at FROM maintenance_window WHERE id = %s", window)
    assert rows.fetch("SELECT DISTINCT due_at FROM schedule") == [(closes_at + planner.AHEAD,)]
