"""Lets slots go that wait for the slots of other jobs, by the edges of mode gate of their job.

    made blocked, decide_at = its instant ─► looked at ─► goes on, or is skipped
                                               ▲  └─► waits: decide_at = so long ahead, or its time limit
                                               └───── an upstream's end, heard as jobs.engine.parking hears it

Nothing is lost by a crash: what was not heard comes round with its decide_at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction

from jobs import sql
from jobs.engine import planner, transitions
from jobs.models import Execution, Schedule
from jobs.rules import gates, identity
from jobs.rules.gates import Course, Decision, Gate
from jobs.rules.trigger_rules import Rule

#: Slots looked at in one transaction, and poked for one job.
BATCH = 50
#: Seconds after which admission has its turn again.
LONGEST = 0.1
#: Before one that waits is looked at again unheard, at the latest.
AGAIN = timedelta(seconds=15)
#: How far an execution's id may lie from the slot that it is of.
_APART = timedelta(hours=1)
#: Replays of replays that are followed back to their slot.
_MOST_REPLAYS = 20

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Heard:
    """Up to which transaction one engine has heard of what ended."""

    _horizon: str | None = None
    _at: float = 0.0
    #: When the next slot is to be looked at, as far as the last round knew.
    waits: bool = True

    def poke(self) -> int:
        """Have those looked at that wait for what ended since the last time. Returns how many."""
        known = self._horizon if monotonic() - self._at < AGAIN.total_seconds() else None
        done = sql.run("poke_gates", horizon=known, limit=BATCH)[0]
        self._horizon, self._at = str(done.horizon), monotonic()
        return int(done.poked)


def round_of(heard: Heard) -> int:
    """Look at what waits, if anything does. Returns how many were let go or left out."""
    if not heard.waits:
        return 0
    heard.poke()
    return decide_due()


def decide_due() -> int:
    """Look at every slot whose turn it is. Returns how many were let go or left out."""
    moved, until = 0, monotonic() + LONGEST
    while True:
        with transaction.atomic():
            rows = sql.run("lock_gated", limit=BATCH)
            moved += sum([_act(row, _safely(row)) for row in rows])
        if len(rows) < BATCH or monotonic() > until:
            return moved


def _safely(row: Any) -> Decision:
    """The same; whatever one slot meets, the others go on."""
    try:
        with transaction.atomic():
            return of_slot(row)
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - as in the planner
        log.warning("gate.invalid", execution=str(row.id), problem=str(error))
        return Decision(Course.REJECT, f"its gates cannot be judged: {error}"[:500])


def of_slot(row: Any) -> Decision:
    """What becomes of a blocked slot: a row of ``lock_gated``."""
    found = gates_of(row)
    if not found:
        return Decision(Course.GO)  # its gates were taken away
    decision = gates.decide([_gate(row, edge) for edge in found], since=row.since, now=row.now)
    if decision.course is Course.GO and (conditions := [edge.condition for edge in found if edge.condition]):
        return _judged(conditions, found)
    return decision


def waited_for(execution_id: UUID) -> tuple[list[tuple[str, Gate]], datetime | None]:
    """The upstreams of a blocked slot that it still waits for, with how they stand, and until when at most."""
    found = sql.run("gated_slot", id=execution_id)
    if not found:
        return [], None
    named = [(edge.job, _gate(found[0], edge)) for edge in gates_of(found[0])]
    left = [(name, gate) for name, gate in named if not gate.is_open]
    return left, min((found[0].since + gate.timeout for _, gate in left), default=None)


def let_go_by(execution_id: UUID) -> dict[str, UUID | None]:
    """By upstream, the latest execution that has ended of those that a slot's gates count; the slot is the execution, or what it replays."""
    behind = sql.run("slot_behind", id=execution_id, most=_MOST_REPLAYS)
    found = sql.run("gated_slot", id=behind[0].id) if behind else []
    return {edge.job: edge.ended for edge in gates_of(found[0])} if found else {}


def gates_of(row: Any) -> list[Any]:
    """Its edges, with how their upstreams' slots stand."""
    at, before = row.scheduled_for, row.before
    return sql.run(
        "gates_of", downstream=row.job_id, at=at, before=before or at, high=identity.floor_id(at + _APART),
        low=identity.floor_id((before or at) - _APART),
    )  # fmt: skip


def _act(row: Any, decision: Decision) -> bool:
    match decision.course:
        case Course.GO:
            return transitions.unblock(row.id)
        case Course.SKIP:
            if skipped := transitions.skip(row.id, decision.reason):
                transitions.return_runs([row.schedule_id])
            return skipped
        case Course.REJECT:
            return transitions.reject(row.id, decision.reason)
    sql.run("decide_later", id=row.id, at=min(decision.until or row.now, row.now + AGAIN))
    return False


def _gate(row: Any, edge: Any) -> Gate:
    return Gate(
        rule=Rule(edge.rule),
        timeout=timedelta(seconds=edge.timeout_seconds),
        within=edge.slots,
        latest=[edge.latest] if edge.latest else [],
        is_missing=bool(edge.due) or any(_is_due(schedule, row.scheduled_for) for schedule in edge.unsure or ()),
    )


def _is_due(schedule_id: Any, at: datetime) -> bool:
    """Whether a schedule that was changed or held, and so has no next run noted, has a slot that is not planned."""
    schedule = Schedule.objects.filter(pk=schedule_id).first()
    if schedule is None:
        return False
    try:
        following = next(iter(planner.trigger_of(schedule).after(schedule.planned_until)), None)
    except Exception:  # noqa: BLE001 - what the planner refuses, it says itself
        return False
    return following is not None and following.at <= at


def _judged(conditions: Sequence[str], edges: Sequence[Any]) -> Decision:
    """By its conditions, over how the latest ended."""
    ended = {key: (state, result) for key, state, result in _ends([edge.ended for edge in edges if edge.ended])}
    told = {edge.job: _told(*ended.get(edge.ended, (None, None))) for edge in edges}
    return gates.by_conditions(conditions, told)


def _ends(executions: Sequence[UUID]) -> Iterable[tuple[UUID, str, Any]]:
    return Execution.objects.filter(pk__in=executions).values_list("pk", "state", "result")


def _told(state: str | None, result: Any) -> dict[str, Any]:
    return {"state": state, "result": result}
