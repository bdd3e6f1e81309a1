"""How the steps of a workflow run stand, read with one statement and kept up while they are moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jobs import sql
from jobs.rules import identity, workflow_graphs
from jobs.rules.states import TERMINAL, State
from jobs.rules.trigger_rules import Outcome


@dataclass(frozen=True, slots=True)
class Steps:
    """The execution that stands for each step, and how they stand; ``ended`` is what has, of all that was read or done."""

    executions: Mapping[str, Any]
    states: dict[str, tuple[str, str]]
    ended: set[UUID]

    @property
    def unfinished(self) -> list[str]:
        return [step for step, (state, _) in self.states.items() if state not in TERMINAL]

    @property
    def blocked(self) -> list[str]:
        """Those that wait for nothing but their upstreams."""
        return [
            step for step, (state, _) in self.states.items()
            if state == State.BLOCKED and not self.executions[step].waits_for_more
        ]  # fmt: skip

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """How each stands, as the steps after it see it."""
        return {step: workflow_graphs.outcome(*standing) for step, standing in self.states.items()}

    def ids(self, steps: Iterable[str]) -> list[UUID]:
        return [self.executions[step].id for step in steps]

    def note(self, steps: Iterable[str], changed: set[UUID], state: State, reason: str = "") -> None:
        """What was changed by us; whatever was changed by somebody else is found untold."""
        for step in steps:
            if (execution := self.executions[step].id) in changed:
                self.states[step] = (state, reason)
                if state in TERMINAL:
                    self.ended.add(execution)


def of(run_id: UUID) -> Steps:
    """As they stand now."""
    low, high = identity.beside(run_id)
    rows = sql.run("steps_of_run", run=run_id, low=low, high=high)
    standing = {row.step: row for row in rows if not row.superseded}
    return Steps(
        executions=standing,
        states={step: (row.state, row.reason) for step, row in standing.items()},
        ended={row.id for row in rows if row.state in TERMINAL and not row.is_told},
    )
