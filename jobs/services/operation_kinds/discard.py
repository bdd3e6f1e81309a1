"""Closes the dead letters of failed executions without running anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.engine.operations import Outcome
from jobs.models import DeadLetterState, Operation
from jobs.rules.states import State
from jobs.services.operation_kinds import letters

NO_LETTER = "NO_DEAD_LETTER"


class Discard:
    """Those whose letter is closed, or is there no longer, are left out."""

    name = "discard"
    states: Sequence[str] = [State.FAILED]
    unfit = "NOT_FAILED"
    runs_again = False

    def conditions(self, made_by: datetime) -> Mapping[str, Any]:
        return {"finished_at__lte": made_by}

    def carry_out(self, operation: Operation, ids: Sequence[UUID], now: datetime) -> Outcome:
        outcome = Outcome()
        held = letters.hold_open(operation, ids, outcome)
        closing = list(held.values())
        letters.close(operation, closing, DeadLetterState.DISCARDED, now)
        outcome.done = len(closing)
        without = [key for key in ids if key not in held and key not in outcome.left_out]
        outcome.left_out |= dict.fromkeys(without, NO_LETTER)  # those from the held one on are looked at again
        return outcome
