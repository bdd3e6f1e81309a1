"""Catches up with missed slots: made by the planner, run at a pace by admission, and only counted here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.engine import recoveries
from jobs.engine.operations import Outcome
from jobs.models import Operation
from jobs.rules.operations import RECOVERY
from jobs.rules.states import State


class Recovery:
    """Its executions are those that name it, and it ends with the last of them."""

    name = RECOVERY
    states: Sequence[str] = [str(state) for state in State]
    unfit = ""

    def conditions(self, made_by: datetime) -> Mapping[str, Any]:  # noqa: ARG002 - every kind is asked
        return {}

    def carry_out(self, operation: Operation, ids: Sequence[UUID], now: datetime) -> Outcome:
        raise NotImplementedError("a recovery is followed")

    def follow(self, operation: Operation, now: datetime) -> bool:
        """Count them; whether all have ended."""
        return recoveries.follow(operation, now)
