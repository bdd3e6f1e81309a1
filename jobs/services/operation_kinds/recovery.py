"""Catches up with missed slots: made by the planner, run at a pace by admission, and only counted here."""

from __future__ import annotations

from datetime import datetime

from jobs.engine import recoveries
from jobs.models import Operation
from jobs.rules.operations import RECOVERY


class Recovery:
    """Its executions are those that name it, and it ends with the last of them."""

    name = RECOVERY

    def follow(self, operation: Operation, now: datetime) -> bool:
        """See :class:`jobs.engine.operations.Following`."""
        return recoveries.count(operation, now)

    def count(self, operation: Operation, now: datetime) -> bool:
        """See :class:`jobs.engine.operations.Following`."""
        return recoveries.count(operation, now)
