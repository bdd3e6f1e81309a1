"""Replays failed executions and closes their dead letters, as a redrive of each would."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jobs.engine.operations import Outcome
from jobs.models import DeadLetterState, Execution, Operation
from jobs.rules.states import State
from jobs.services.operation_kinds import letters
from jobs.services.operation_kinds.replay import Again, Replay


class Redrive(Replay):
    """Those whose dead letter somebody has closed are left out; one without a letter is replayed."""

    name = "redrive"
    states: Sequence[str] = [State.FAILED]
    unfit = "NOT_FAILED"

    def open(self, operation: Operation, wanted: Sequence[Execution], outcome: Outcome) -> tuple[list[Execution], Any]:
        held = letters.hold_open(operation, [row.pk for row in wanted], outcome)
        return [row for row in wanted if row.pk not in outcome.left_out and not outcome.is_held(row.pk)], held

    def note(self, operation: Operation, made: Sequence[Again], opened: Any, now: datetime) -> None:
        super().note(operation, made, opened, now)
        became = {each.former.pk: each.row.id for each in made}
        closing = [letter for key, letter in opened.items() if key in became]
        letters.close(operation, closing, DeadLetterState.REDRIVEN, now, became)
