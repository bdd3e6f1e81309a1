"""Slots that wait for the slots of other jobs: which count, when they are looked at, and what a crash loses: nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from jobs import sql, upstreams
from jobs.engine import gates, planner, timer
from jobs.engine.timer import Timer
from jobs.engine.transitions import Fence
from jobs.models import Execution
from jobs.rules import identity
from jobs.rules.states import TERMINAL
from tests.support import one, rows, workflow_runs
from tests.support.processes import eventually

pytestmark = pytest.mark.usefixtures("as_engine", "empty_database")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = rows.now().replace(hour=0, minute=0, second=0, microsecond=0)


class Pair:
    """A downstream with a schedule and a gate on an upstream with one."""

    def __init__(self, **edge: Any) -> None:
        self.tenant = rows.tenant()
        self.upstream, self.downstream = rows.job(self.tenant), rows.job(self.tenant)
        ahead = rows.now() + DAY
        self.theirs = rows.schedule(self.upstream, planned_until=ahead, due_at=ahead, next_run_at=ahead)
        self.ours = rows.schedule(self.downstream, planned_until=ahead, due_at=ahead, next_run_at=ahead)
        defaults = {"mode": "gate", "trigger_rule": "all_success", "condition": "", "gate_timeout_seconds": 86_400.0}
        rows.insert(
            "dependency", id=uuid4(), tenant_id=self.tenant, upstream_id=self.upstream[0], downstream_id=self.downstream[0],
            created_at=rows.now(), updated_at=rows.now(), **(defaults | edge),
        )  # fmt: skip

    def ran(self, at: datetime, state: str = "succeeded", **columns: Any) -> UUID:
        """A slot of the upstream's."""
        return self._slot(self.upstream, self.theirs, at, state, **columns)

    def waits(self, at: datetime, before: datetime | None = None, **columns: Any) -> UUID:
        """A slot of the downstream's that is due, and the one before it."""
        if before is not None:
            self._slot(self.downstream, self.ours, before, "succeeded")
        return self._slot(self.downstream, self.ours, at, "blocked", decide_at=rows.now(), **columns)

    @staticmethod
    def _slot(job: Any, schedule: UUID, at: datetime, state: str, **columns: Any) -> UUID:
        if state == "skipped":
            columns.setdefault("reason", "OVERLAP")
        ended = {"finished_at": rows.now()} if state in TERMINAL else {}
        return rows.execution(
            job, state, id=identity.slot_id(schedule, "run", at.isoformat(), at), schedule_id=schedule, trigger="schedule",
            scheduled_for=at, not_before=at, **(ended | columns),
        )  # fmt: skip


def decided(execution: UUID) -> tuple[str, str]:
    gates.decide_due()
    return rows.fetch("SELECT state, reason FROM execution WHERE id = %s", execution)[0]


GO, WAITS, FAILED = ("scheduled", ""), ("blocked", ""), ("skipped", "DEPENDENCY_FAILED")


def test_a_daily_slot_waits_for_all_hours_since_the_one_before():
    pair = Pair()
    yesterday = MIDNIGHT - DAY
    pair.ran(yesterday, "failed")  # counted for the day before
    hours = [pair.ran(yesterday + hour * HOUR) for hour in range(1, 24)]
    last = pair.ran(MIDNIGHT, "running")
    waits = pair.waits(MIDNIGHT, before=yesterday)
    assert len(hours) == 23
    assert decided(waits) == WAITS
    rows.change("UPDATE execution SET decide_at = now() WHERE id = %s", waits)
    rows.change("UPDATE execution SET state = 'succeeded', finished_at = now() WHERE id = %s", last)
    assert decided(waits) == GO


def test_one_failed_hour_of_the_day_is_enough():
    pair = Pair()
    for hour in range(1, 25):
        pair.ran(MIDNIGHT - DAY + hour * HOUR, "failed" if hour == 7 else "succeeded")
    assert decided(pair.waits(MIDNIGHT, before=MIDNIGHT - DAY)) == FAILED


@pytest.mark.parametrize(("state", "expected"), [("succeeded", GO), ("failed", FAILED), ("running", WAITS)])
def test_an_hourly_slot_counts_the_latest_day_before_it(state, expected):
    pair = Pair()
    pair.ran(MIDNIGHT - DAY, "failed")
    pair.ran(MIDNIGHT, state)
    pair.ran(MIDNIGHT + DAY, "failed")  # a later one, planned ahead
    assert decided(pair.waits(MIDNIGHT + 5 * HOUR, before=MIDNIGHT + 4 * HOUR)) == expected


def test_without_any_run_yet_it_waits_until_its_time_limit_and_then_says_so():
    pair = Pair(gate_timeout_seconds=3600.0)
    waits = pair.waits(rows.now() - timedelta(minutes=30), created_at=rows.now() - timedelta(minutes=30))
    assert decided(waits) == WAITS
    rows.change(
        "UPDATE execution SET created_at = created_at - %s, not_before = not_before - %s, decide_at = now()", HOUR, HOUR
    )
    assert decided(waits) == ("skipped", "DEPENDENCY_TIMEOUT")


def test_the_first_slot_of_a_schedule_counts_the_latest_alone():
    pair = Pair()
    pair.ran(MIDNIGHT - HOUR, "failed")
    pair.ran(MIDNIGHT)
    assert decided(pair.waits(MIDNIGHT)) == GO


def test_a_skipped_slot_counts_as_skipped():
    for rule, expected in {"all_success": ("skipped", "RULE_NOT_MET"), "none_failed": GO}.items():
        pair = Pair(trigger_rule=rule)
        pair.ran(MIDNIGHT, "skipped")
        assert decided(pair.waits(MIDNIGHT, before=MIDNIGHT - HOUR)) == expected


def test_a_paused_upstreams_due_slot_is_waited_for_and_one_that_is_not_due_is_not():
    pair = Pair()
    pair.ran(MIDNIGHT - DAY)
    held = "UPDATE schedule SET state = 'paused', due_at = NULL, next_run_at = %s, planned_until = %s WHERE id = %s"
    rows.change(held, MIDNIGHT, MIDNIGHT - DAY, pair.theirs)
    assert decided(pair.waits(MIDNIGHT - HOUR, before=MIDNIGHT - 2 * HOUR)) == GO
    assert decided(pair.waits(MIDNIGHT)) == WAITS


def test_what_a_changed_schedule_still_has_to_plan_is_computed():
    pair = Pair()
    pair.ran(MIDNIGHT - DAY)
    changed = "UPDATE schedule SET next_run_at = NULL, planned_until = %s, expression = '0 0 * * *', due_at = NULL WHERE id = %s"
    rows.change(changed, MIDNIGHT - HOUR, pair.theirs)
    rows.change(
        "UPDATE schedule SET next_run_at = NULL, planned_until = %s WHERE id = %s", MIDNIGHT - HOUR, pair.theirs
    )
    assert decided(pair.waits(MIDNIGHT - timedelta(minutes=5), before=MIDNIGHT - HOUR)) == GO
    assert decided(pair.waits(MIDNIGHT)) == WAITS


def test_over_a_change_of_clocks_a_day_has_as_many_hours_as_it_has():
    """Berlin, 2025: from the last local midnight of summer time to the first of winter time there are 25."""
    pair = Pair()
    before, at = datetime(2025, 10, 25, 22, tzinfo=UTC), datetime(2025, 10, 26, 23, tzinfo=UTC)
    slots = [before + hour * HOUR for hour in range(1, 26)]
    for slot in slots:
        pair.ran(slot, "failed" if slot == slots[0] else "succeeded")
    assert slots[-1] == at
    assert decided(pair.waits(at, before=before)) == FAILED


def test_a_replay_says_how_its_slot_ended():
    pair = Pair()
    failed = pair.ran(MIDNIGHT, "failed")
    rows.execution(pair.upstream, "succeeded", trigger="replay", replay_of=failed)
    assert decided(pair.waits(MIDNIGHT + 3 * HOUR, before=MIDNIGHT + 2 * HOUR)) == GO


def test_a_condition_is_over_the_upstreams_latest_slot():
    for rows_found, expected in {3: GO, 0: ("skipped", "CONDITION_FALSE")}.items():
        pair = Pair()
        (name,) = rows.fetch("SELECT name FROM job WHERE id = %s", pair.upstream[0])[0]
        rows.change(
            "UPDATE dependency SET condition = %s WHERE tenant_id = %s",
            f"upstream['{name}'].result.rows > 0",
            pair.tenant,
        )
        pair.ran(MIDNIGHT, result={"rows": rows_found})
        assert decided(pair.waits(MIDNIGHT)) == expected


def test_a_planned_slot_of_a_gated_job_is_made_blocked_and_others_are_not():
    pair = Pair()
    due = rows.now() - timedelta(seconds=2)
    rows.change("UPDATE schedule SET planned_until = %s, due_at = %s", due, due)
    planner.plan_due()
    found = dict(rows.fetch("SELECT job_id, array_agg(DISTINCT state) FROM execution GROUP BY 1"))
    assert found == {pair.upstream[0]: ["scheduled"], pair.downstream[0]: ["blocked"]}
    assert rows.fetch("SELECT count(*) FROM execution WHERE state = 'blocked' AND decide_at <> not_before") == [(0,)]


def test_a_slot_whose_gates_are_gone_goes_on():
    pair = Pair()
    waits = pair.waits(MIDNIGHT)
    rows.change("DELETE FROM dependency")
    assert decided(waits) == GO


def test_an_upstreams_end_is_acted_on_by_the_next_round_and_rung_for(queue):
    pair = Pair()
    runs = pair.ran(MIDNIGHT, "running")
    waits = pair.waits(MIDNIGHT, before=MIDNIGHT - HOUR)
    engine = Timer()
    engine.round()
    assert engine.round() <= timer.IDLE
    assert rows.state_of(waits) == "blocked"
    ended = one.succeed(Fence(id=runs, attempt_id=runs, epoch=1))
    assert ended is not None
    assert ended.frees_somebody
    engine.round()
    assert rows.state_of(waits) != "blocked"


def test_what_was_not_heard_comes_round(queue, monkeypatch):
    monkeypatch.setattr(timer, "IDLE", 3600.0)
    pair, engine = Pair(), Timer()
    engine.round()
    pair.ran(MIDNIGHT)
    waits = pair.waits(MIDNIGHT)
    engine.round()  # has heard of nothing since it began
    decide = "UPDATE execution SET state = 'blocked', decide_at = now() + %s WHERE id = %s"
    rows.change(decide, timedelta(seconds=100), waits)
    assert engine.round() <= 100
    assert rows.state_of(waits) == "blocked"
    rows.change(decide, timedelta(), waits)
    assert eventually(lambda: engine.round() is not None and rows.state_of(waits) != "blocked")


def test_two_engines_do_not_look_at_the_same_slot(in_thread):
    pair = Pair()
    pair.ran(MIDNIGHT)
    waits = pair.waits(MIDNIGHT)
    with transaction.atomic():
        assert [row.id for row in sql.run("lock_gated", limit=10)] == [waits]
        assert in_thread(gates.decide_due).result(20) == 0
    assert decided(waits) == GO


def test_a_slot_says_which_upstreams_it_waits_for_and_until_when():
    pair = Pair(gate_timeout_seconds=3600.0)
    pair.ran(MIDNIGHT - HOUR)
    pair.ran(MIDNIGHT, "running")
    found, until = upstreams.awaited(Execution.objects.get(pk=pair.waits(MIDNIGHT, before=MIDNIGHT - DAY)))
    assert "1 of 2 slots have ended" in found
    assert until is not None
    assert until > rows.now()


def test_one_slot_that_cannot_be_judged_is_rejected_and_the_others_go_on(monkeypatch):
    bad, good = Pair(), Pair()
    good.ran(MIDNIGHT)
    broken, fine = bad.waits(MIDNIGHT), good.waits(MIDNIGHT)
    judge = gates.of_slot

    def breaking(row):
        if row.id == broken:
            raise RuntimeError("nobody has foreseen this")
        return judge(row)

    monkeypatch.setattr(gates, "of_slot", breaking)
    assert decided(fine) == GO
    assert rows.state_of(broken) == "failed"


def test_a_slot_that_is_left_out_does_not_count_as_a_run_of_its_schedule():
    pair = Pair()
    rows.change("UPDATE schedule SET max_runs = 3, runs = 2 WHERE id = %s", pair.ours)
    pair.ran(MIDNIGHT, "failed")
    assert decided(pair.waits(MIDNIGHT)) == FAILED
    assert rows.fetch("SELECT runs FROM schedule WHERE id = %s", pair.ours) == [(1,)]


@pytest.mark.parametrize("before", [None, MIDNIGHT - DAY])
def test_what_another_execution_runs_as_its_own_is_no_slot(before):
    pair = Pair()
    pair.ran(MIDNIGHT - HOUR)
    parent = rows.execution(rows.job(pair.tenant), "running")
    run, _ = workflow_runs.make(pair.tenant, {"0": []}, {"0": "running"}, parent_execution_id=parent)
    rows.execution(
        pair.upstream, "failed", trigger="dependency", workflow_run_id=run, step="0", scheduled_for=MIDNIGHT - HOUR / 2,
        finished_at=rows.now(),
    )  # fmt: skip
    assert decided(pair.waits(MIDNIGHT, before)) == GO
