"""The checker finds what is wrong and leaves alone what is not: one small world, broken in one place at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos import figures, worlds
from tests.chaos.checker import attempts, recovery, verdict
from tests.chaos.checker.evidence import Attempt, Evidence, Fault, Operation, PlannedSchedule, Renewal, Rule, Run
from tests.chaos.worlds import EVERY, SLOTS, WORKER, ZERO, change, execution

SLOT = SLOTS[2]
RUN = Run("a", "a-job", execution(SLOT), 1, SLOT + 0.2, SLOT + 1.2, "done")


def _codes(world: Evidence) -> set[str]:
    return {violation.code for violation in verdict.judge(world).violations}


def test_a_sound_run_is_found_sound_and_every_slot_of_it_is_judged():
    judgement = verdict.judge(worlds.sound())
    assert judgement.violations == []
    assert judgement.slots == len(SLOTS)


def _late(world: Evidence) -> Evidence:
    moved = tuple(
        replace(run, began=run.began + 5, ended=run.ended + 5) if run.execution == execution(SLOT) else run
        for run in world.runs
    )
    return worlds.with_attempt(replace(world, runs=moved), SLOT, started_at=SLOT + 5.1, finished_at=SLOT + 6.3)


def _extra_row(world: Evidence) -> Evidence:
    twin = next(row for row in world.executions if row.id == execution(SLOT))
    again = [
        replace(one, execution="twin", seq=one.seq + 10**12, xid=one.xid + 10**12)
        for one in world.changes
        if one.execution == execution(SLOT)
    ]
    return replace(
        world,
        executions=(*world.executions, replace(twin, id="twin")),
        runs=(*world.runs, replace(RUN, execution="twin")),
        attempts=(*world.attempts, Attempt("twin", 1, 1, "succeeded", WORKER, 7, SLOT + 0.1, SLOT + 1.3)),
        changes=(*world.changes, *again),
    )


def _stale_write(world: Evidence) -> Evidence:
    """Attempt 1 was lost, attempt 2 runs, and attempt 1 writes that it has succeeded."""
    steps = [
        change(SLOT, 5, "running", "scheduled", 1, SLOT + 20, attempt=2),
        change(SLOT, 5, "running", "lost", 1, SLOT + 20, table="attempt"),
        change(SLOT, 6, "scheduled", "pending", 1, SLOT + 21, attempt=2),
        change(SLOT, 7, "pending", "queued", 1, SLOT + 21, attempt=2),
        change(SLOT, 8, "queued", "running", 2, SLOT + 21, attempt=2),
        change(SLOT, 9, "running", "succeeded", 2, SLOT + 22, attempt=2),
        change(SLOT, 9, "lost", "succeeded", 1, SLOT + 22, table="attempt"),
    ]
    kept = [one for one in world.changes if one.execution != execution(SLOT) or one.seq < steps[0].seq]
    world = worlds.with_row(replace(world, changes=(*kept, *steps)), SLOT, attempt=2, epoch=2, crashes=1)
    second = Attempt(execution(SLOT), 2, 2, "running", WORKER, 8, SLOT + 21, None)
    lost = worlds.with_attempt(world, SLOT, state="lost", finished_at=SLOT + 20.0)
    return replace(
        lost, attempts=(*lost.attempts, second), renewals=(Renewal(WORKER, ZERO, SLOT + 10, frozenset({7})),)
    )


def _forbidden(world: Evidence) -> Evidence:
    return worlds.with_row(
        worlds.with_operation(world, 9, "a", "pause-schedule", "a-job#0", ZERO + 20), SLOT, created_at=float(SLOT)
    )


def _premature_loss(world: Evidence) -> Evidence:
    return worlds.with_row(worlds.with_attempt(world, SLOT, state="lost"), SLOT, crashes=1)


def _two_at_once(world: Evidence) -> Evidence:
    runs = tuple(replace(run, ended=run.ended + 15) if run.execution == execution(SLOT) else run for run in world.runs)
    return replace(world, runs=(*runs, replace(RUN, attempt=2, began=SLOT + 2.0, ended=SLOT + 3.0)))


def _resurrected(world: Evidence) -> Evidence:
    again = change(SLOT, 6, "succeeded", "cancelled", 1, SLOT + 3)
    return worlds.with_row(replace(world, changes=(*world.changes, again)), SLOT, state="cancelled")


def _foreign_run(world: Evidence) -> Evidence:
    return replace(
        world,
        runs=tuple(
            replace(run, tenant="b", job="b-job") if run.execution == execution(SLOT) else run for run in world.runs
        ),
    )


BROKEN: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "a missing row and run": ("I1", lambda world: worlds.without(world, SLOT)),
    "a missing run": ("I1", lambda world: replace(world, runs=tuple(run for run in world.runs if run.execution != execution(SLOT)))),
    "a late run": ("I1", _late),
    "a skipped slot that must run": ("I1", lambda world: worlds.with_row(world, SLOT, state="skipped", reason="MISFIRE")),
    "a second row": ("I2", _extra_row),
    "a slot that is none": ("I3", lambda world: worlds.with_row(world, SLOT, slot=SLOT + 3.0)),
    "a slot planned in a pause": ("I3", _forbidden),
    "a premature run": ("I3", lambda world: worlds.with_attempt(world, SLOT, started_at=SLOT - 0.5)),
    "a run of nothing on record": ("I3", lambda world: replace(world, runs=(*world.runs, replace(RUN, execution="unknown")))),
    "an attempt called lost while it lived": ("I4", _premature_loss),
    "two attempts alive": ("I4", _two_at_once),
    "a write of a former claim": ("I5", _stale_write),
    "a terminal state that changed": ("I6", _resurrected),
    "a transition off the record": ("I6", lambda world: replace(world, changes=tuple(one for one in world.changes if one.before != "pending"))),
    "an answered trigger without execution": ("I7", lambda world: worlds.with_operation(world, 9, "b", "trigger", "b-job", ZERO + 9, execution="gone")),
    "a job hidden from its owner": ("I7", lambda world: replace(world, operations=(*world.operations, Operation(9, "b", "trigger", "b-job", ZERO + 9, ZERO + 9.1, "fail", 404)))),
    "a 500 without a fault": ("I7", lambda world: replace(world, operations=(*world.operations, Operation(9, "b", "list", "b-job", ZERO + 9, ZERO + 9.1, "info", 500)))),
    "an answered job that is not there": ("I7", lambda world: replace(world, stored_jobs=world.stored_jobs[:1])),
    "a job without its schedule": ("I7", lambda world: replace(world, stored_schedules=())),
    "more failures than allowed": ("I8", lambda world: replace(world, attempts=(*world.attempts, *(Attempt(execution(SLOT), n, n, "failed", WORKER, 7, SLOT + 5.0 * n, SLOT + 5.0 * n) for n in range(2, 6))))),
    "a retry without delay": ("I8", lambda world: replace(worlds.with_attempt(world, SLOT, state="failed"), attempts=(*worlds.with_attempt(world, SLOT, state="failed").attempts, Attempt(execution(SLOT), 2, 2, "succeeded", WORKER, 7, SLOT + 1.4, SLOT + 2.0)))),
    "an execution left over": ("I9", lambda world: worlds.with_row(world, SLOT, state="queued")),
    "a cap not kept": ("I10", lambda world: replace(worlds.sound(max_running=1), changes=tuple(one for one in world.changes if one.after != "succeeded" or one.table == "attempt"))),
    "a cancel without effect": ("I11", lambda world: replace(worlds.with_operation(world, 9, "a", "cancel", "a-job", SLOT + 0.5, execution=execution(SLOT)), runs=tuple(replace(run, ended=run.ended + 15) if run.execution == execution(SLOT) else run for run in world.runs))),
    "an attempt after a cancel": ("I11", lambda world: worlds.with_attempt(worlds.with_operation(world, 9, "a", "cancel", "a-job", SLOT - 2.5, execution=execution(SLOT)), SLOT, started_at=SLOT + 0.1)),
    "a run as another tenant": ("I12", _foreign_run),
    "an answer with another tenant's row": ("I12", lambda world: worlds.with_operation(world, 9, "b", "list", "b-job", ZERO + 9, seen=[execution(SLOT)])),
    "an audit row edited": ("I13", lambda world: replace(world, audit=("edited: row 7",))),
    "a secret in a log": ("I14", lambda world: replace(world, leaks=("worker.log",))),
    "another tenant's job shown": ("I12", lambda world: worlds.with_operation(world, 9, "b", "trespass", "a-job", ZERO + 9)),
    "nothing after the healing": ("I16", lambda world: replace(world, phases={**world.phases, "heal": (ZERO + 50, ZERO + 60)})),
    "an overlap nobody caused": ("I17", lambda world: worlds.with_row(replace(world, jobs=worlds.sound(overlap="skip").jobs), SLOT, state="skipped", reason="OVERLAP")),
    "a misfire within its grace": ("I17", lambda world: worlds.with_row(world, SLOT, state="skipped", reason="MISFIRE")),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_found(what):
    code, breaking = BROKEN[what]
    assert code in _codes(breaking(worlds.sound()))


def test_a_wrong_name_cannot_hide_a_missing_run():
    world = worlds.without(worlds.sound(), SLOT)
    named = worlds.with_row(world, SLOTS[1], slot=float(SLOT))
    messages = [violation.message for violation in verdict.judge(named).of("I1")]
    assert any(message.startswith("the witness never saw a start") for message in messages)


def test_what_started_late_is_not_counted_as_lost():
    world = _late(worlds.sound())
    judged = verdict.judge(world)
    told = figures.figures(world, judged)
    assert judged.of("I1")
    assert (told["slots lost"], told["slots late"] > 0) == (0, True)


def test_what_never_started_is_counted_as_lost_whatever_its_deadline():
    world = worlds.with_fault(worlds.without(worlds.sound(), SLOT), "kill worker", SLOT - 1, SLOT)
    assert figures.figures(world, verdict.judge(world))["slots lost"] > 0


def test_a_fault_puts_a_deadline_off_but_loses_no_slot():
    world = worlds.with_fault(_late(worlds.sound()), "kill worker", SLOT - 1, SLOT)
    assert _codes(world) == set()
    assert "I1" in _codes(worlds.without(world, SLOT))


def test_a_slot_missed_in_a_pause_is_expected_after_the_release():
    world = worlds.with_operation(worlds.sound(), 8, "a", "pause-schedule", "a-job#0", ZERO + 15)
    world = worlds.with_operation(world, 9, "a", "resume-schedule", "a-job#0", ZERO + 42)
    released = ZERO + 42.5
    for slot in SLOTS[1:4]:
        world = worlds.with_row(world, slot, created_at=released)
    assert _codes(world) == set()
    assert "I1" in _codes(worlds.without(world, SLOT))


def test_whether_a_slot_was_missed_is_judged_by_what_a_slow_pass_can_have_read():
    world = worlds.sound(schedules=(replace(worlds.PLANNED, misfire="skip", grace=5.0),))
    slow = worlds.with_row(world, SLOT, begun_at=SLOT + 4.0, created_at=SLOT + 9.0)
    assert "I17" not in _codes(slow)
    assert "I17" not in _codes(worlds.with_row(slow, SLOT, state="skipped", reason="MISFIRE"))
    assert "I17" in _codes(worlds.with_row(slow, SLOT, begun_at=SLOT + 8.0))


def test_slots_around_an_operation_of_unknown_outcome_may_be_or_not_be():
    pause = worlds.with_operation(worlds.sound(), 8, "a", "delete", "a-job", SLOT - 5, "info")
    deleted = replace(pause, stored_jobs=(replace(pause.stored_jobs[0], state="deleted"), pause.stored_jobs[1]))
    assert "I1" not in _codes(worlds.without(deleted, SLOT))
    assert "I1" in _codes(worlds.without(deleted, SLOTS[0]))


def test_an_edit_ends_the_old_rule_and_begins_the_new_one():
    rule = {"kind": "cron", "every": EVERY, "offset": 5, "anchor": 0}
    edited = worlds.with_operation(worlds.sound(), 9, "a", "edit-schedule", "a-job#0", ZERO + 41.5, rule=rule)
    assert {violation.message for violation in verdict.judge(edited).violations} == {
        f"slot {float(SLOTS[4])} is none of this schedule's, or was after its end"
    }


def test_a_trigger_whose_answer_was_lost_has_one_execution_or_none():
    world = worlds.with_operation(worlds.sound(), 9, "a", "trigger", "a-job", ZERO + 9, "info")
    assert _codes(world) == set()
    row = replace(world.executions[0], schedule=None, trigger="manual", slot=None, operation=9)
    twice = replace(world, executions=(*world.executions, replace(row, id="m-1"), replace(row, id="m-2")))
    assert "I7" in _codes(twice)


def test_a_start_beyond_the_claims_there_were_is_a_duplicate():
    world = worlds.sound()
    assert attempts.duplicate_starts(world) == []
    again = replace(RUN, began=SLOT + 0.5)
    assert attempts.duplicate_starts(replace(world, runs=(*world.runs, again))) == [again]


def test_what_is_late_once_the_next_fault_has_begun_is_not_blamed_on_the_one_before():
    world = worlds.with_attempt(worlds.sound(), SLOT, started_at=SLOT + 5.0, finished_at=SLOT + 6.3)
    alone = Fault("stop beat", "", SLOT - 10.0, SLOT - 5.0)
    judged = verdict.judge(world).schedules
    assert recovery.effects(replace(world, faults=(alone,)), judged)["stop beat"].recovered == [15.0]
    both = replace(world, faults=(alone, Fault("kill web", "", SLOT - 1.0, SLOT + 1.0)))
    recovered = {kind: effect.recovered for kind, effect in recovery.effects(both, judged).items()}
    assert recovered == {"stop beat": [0.0], "kill web": [6.0]}


@pytest.mark.parametrize(
    ("rule", "slots"),
    [
        (Rule("cron", every=20, offset=5), [5, 25, 45]),
        (Rule("interval", every=25, anchor=ZERO + 10), [10, 35, 60]),
        (Rule("interval", every=7, anchor=ZERO - 1), [6, 13, 20, 27, 34, 41, 48, 55]),
        (Rule("once", anchor=ZERO + 30), [30]),
    ],
)
def test_slots_of_a_rule(rule, slots):
    assert [slot - ZERO for slot in rule.slots(ZERO, ZERO + 60)] == slots
    assert PlannedSchedule(rule).grace == 60
