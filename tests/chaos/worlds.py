"""A small run in which everything is right, for tests of the checker that then break one thing in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.chaos.checker.evidence import (
    Attempt,
    Change,
    Evidence,
    Execution,
    Fault,
    Limits,
    Operation,
    PlannedJob,
    PlannedSchedule,
    Renewal,
    Rule,
    Run,
    StoredJob,
    StoredSchedule,
)

#: A whole minute, and when the job was made.
ZERO = 1_800_000_000
EVERY = 10
SLOTS = tuple(ZERO + EVERY * number for number in range(1, 6))
WORKER = "w-1"
PLANNED = PlannedSchedule(Rule("cron", every=EVERY))


def sound(**job: Any) -> Evidence:
    """One tenant's job that is due each ten seconds, five times, then paused; each slot runs for a second."""
    planned = PlannedJob("a-job", "a", "http", seconds=1.0, **{"schedules": (PLANNED,), **job})
    return Evidence(
        jobs={planned.name: planned, "b-job": PlannedJob("b-job", "b", "http")},
        caps={"a": None, "b": None},
        operations=(
            _operation(1, "a", "create", "a-job", ZERO + 1),
            _operation(2, "a", "pause", "a-job", ZERO + 55),
            _operation(3, "b", "create", "b-job", ZERO + 1),
        ),
        faults=(),
        runs=tuple(Run("a", "a-job", execution(slot), 1, slot + 0.2, slot + 1.2, "done") for slot in SLOTS),
        executions=tuple(_execution(slot) for slot in SLOTS),
        attempts=tuple(
            Attempt(execution(slot), 1, 1, "succeeded", WORKER, 7, slot + 0.1, slot + 1.3) for slot in SLOTS
        ),
        changes=tuple(change for slot in SLOTS for change in _changes(slot)),
        renewals=(Renewal(WORKER, ZERO, ZERO + 200, frozenset({7})),),
        stored_jobs=(StoredJob("j-1", "a", "a-job", "paused"), StoredJob("j-2", "b", "b-job", "active")),
        stored_schedules=(StoredSchedule("s-1", "j-1", 0, "active"),),
        phases={"control": (ZERO, ZERO + 40), "heal": (ZERO + 40, ZERO + 41), "soak": (ZERO + 41, ZERO + 55)},
        read_at=ZERO + 80.0,
        limits=Limits(on_time=2.0),
    )


def execution(slot: float) -> str:
    return f"e-{slot - ZERO:g}"


def _operation(number: int, tenant: str, kind: str, target: str, at: float, outcome: str = "ok") -> Operation:
    return Operation(number, tenant, kind, target, at, at + 0.2, outcome, 200 if outcome == "ok" else 0)


def _execution(slot: int) -> Execution:
    return Execution(
        execution(slot),
        "a",
        "j-1",
        "s-1",
        "schedule",
        "succeeded",
        "",
        float(slot),
        None,
        None,
        1,
        0,
        1,
        slot - 3.0,
        slot - 3.0,
        float(slot),
        None,
    )


def _changes(slot: int) -> Iterator[Change]:
    states = (None, "scheduled", "pending", "queued", "running", "succeeded")
    instants = (0.0, slot - 3.0, float(slot), slot + 0.05, slot + 0.1, slot + 1.3)
    for step in range(1, 6):
        epoch = int(step >= 4)
        yield change(slot, step, states[step - 1], str(states[step]), epoch, instants[step])
        if step >= 4:
            before, after = (None, "running") if step == 4 else ("running", "succeeded")
            yield change(slot, step, before, after, 1, instants[step], table="attempt")


def change(
    slot: int,
    step: int,
    before: str | None,
    after: str,
    epoch: int,
    at: float,
    *,
    table: str = "execution",
    attempt: int = 1,
) -> Change:
    """The ``step``-th transaction of a slot's execution; the attempt's row is written after the execution's."""
    number = slot * 100 + step * 2 + (table == "attempt")
    return Change(
        number, table, execution(slot), "j-1", "schedule", before, after, attempt, epoch, slot * 100 + step, at, at
    )


def without(world: Evidence, slot: int) -> Evidence:
    """Nothing is known of a slot."""
    gone = execution(slot)
    return replace(
        world,
        runs=tuple(run for run in world.runs if run.execution != gone),
        executions=tuple(row for row in world.executions if row.id != gone),
        attempts=tuple(attempt for attempt in world.attempts if attempt.execution != gone),
        changes=tuple(change for change in world.changes if change.execution != gone),
    )


def with_row(world: Evidence, slot: int, /, **fields: Any) -> Evidence:
    """The slot's execution says something else."""
    return replace(
        world,
        executions=tuple(replace(row, **fields) if row.id == execution(slot) else row for row in world.executions),
    )


def with_attempt(world: Evidence, slot: int, /, **fields: Any) -> Evidence:
    return replace(
        world,
        attempts=tuple(replace(one, **fields) if one.execution == execution(slot) else one for one in world.attempts),
    )


def with_operation(
    world: Evidence, number: int, tenant: str, kind: str, target: str, at: float, outcome: str = "ok", **data: Any
) -> Evidence:
    """Somebody asked for something more."""
    return replace(
        world, operations=(*world.operations, replace(_operation(number, tenant, kind, target, at, outcome), data=data))
    )


def with_fault(world: Evidence, kind: str, began: float, ended: float) -> Evidence:
    return replace(world, faults=(*world.faults, Fault(kind, "", began, ended)))
