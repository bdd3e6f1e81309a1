"""Schedules of kind ``once``: a single slot at ``run_at``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from jobs.rules.slots import Slot
from jobs.triggers import contract

NEEDS = "run_at"


def build(spec: contract.Spec) -> OnceTrigger:
    """A trigger of one slot, or :class:`contract.InvalidSchedule`."""
    contract.refuse_others(spec, "once", needs=NEEDS)
    run_at, window = contract.instant("run_at", spec.run_at), contract.window(spec)
    if not window.start <= run_at < window.end:
        raise contract.InvalidSchedule("run_at", "must not be before start_at, and must be earlier than end_at")
    return OnceTrigger(run_at)


@dataclass(frozen=True, slots=True)
class OnceTrigger:
    """See :class:`jobs.rules.slots.Trigger`."""

    run_at: datetime

    def after(self, instant: datetime) -> Iterator[Slot]:
        """The slot, if it is later than ``instant``."""
        if self.run_at > instant:
            yield Slot(self.run_at, self.run_at.isoformat())

    def before(self, instant: datetime, not_before: datetime) -> Iterator[Slot]:
        """The slot, if it lies from ``not_before`` to ``instant``."""
        if not_before <= self.run_at <= instant:
            yield Slot(self.run_at, self.run_at.isoformat())

    def count(self, after: datetime, until: datetime) -> int:
        """One or none."""
        return int(after < self.run_at <= until)
