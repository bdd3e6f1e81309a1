"""How the first few of many decide on the rest.

    the first few run ─► all of them have ended ─► enough succeeded ─► the rest follows
                                                ─► too few ─► held, until a person goes on with it or ends it

Pure: :mod:`jobs.engine.canaries` looks how they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from jobs.rules.states import TERMINAL, State

MOST = 50
#: Of a run that is no longer kept: nobody can say that it succeeded.
GONE = "gone"


class Stage(StrEnum):
    """Where a canary stands."""

    STARTING = "starting"  # fewer have begun than asked for
    WAITING = "waiting"  # for those to end
    PASSED = "passed"
    FAILED = "failed"
    OVERRULED = "overruled"  # failed, and a person went on with the rest


_AFTER = {
    Stage.STARTING: ", starting",
    Stage.WAITING: ", waiting",
    Stage.PASSED: "",
    Stage.FAILED: ", so it paused itself",
    Stage.OVERRULED: ", and somebody went on with the rest",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One of the first: the execution, what it runs again, and its state when it was last looked at."""

    execution: str
    replay_of: str
    state: str = State.SCHEDULED

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state == GONE or State(self.state) in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """``size`` run first, and ``must_succeed`` of them, or else the rest does not follow by itself."""

    size: int
    must_succeed: int
    stage: Stage = Stage.STARTING
    runs: tuple[Run, ...] = ()

    @property
    def succeeded(self) -> int:
        """How many have succeeded."""
        return sum(run.state == State.SUCCEEDED for run in self.runs)

    @property
    def unsuccessful(self) -> Sequence[Run]:
        """Those that ended otherwise."""
        return [run for run in self.runs if run.has_ended and run.state != State.SUCCEEDED]

    @property
    def room(self) -> int:
        """How many more may begin before it is decided."""
        return self.size - len(self.runs) if self.stage is Stage.STARTING else 0

    def started(self, runs: Sequence[Run], *, are_all: bool) -> Canary:
        """With these as well; ``are_all``: there is nothing further to begin."""
        begun = (*self.runs, *runs)
        is_complete = len(begun) >= self.size or (are_all and bool(begun))
        return replace(self, runs=begun, stage=Stage.WAITING if is_complete else self.stage)

    def looked_at(self, states: Mapping[str, str]) -> Canary:
        """By how its runs stand now: decided once all have ended. Of fewer than asked for, no more must succeed than there are."""
        runs = tuple(replace(run, state=states.get(run.execution, GONE)) for run in self.runs)
        found = replace(self, runs=runs)
        if not all(run.has_ended for run in runs):
            return found
        enough = found.succeeded >= min(self.must_succeed, len(runs))
        return replace(found, stage=Stage.PASSED if enough else Stage.FAILED)

    def overruled(self) -> Canary:
        """A person goes on: with the rest, if it had failed."""
        return replace(self, stage=Stage.OVERRULED) if self.stage is Stage.FAILED else self

    def sentence(self) -> str:
        """How it stands, without a capital and a full stop."""
        size = self.size if self.stage is Stage.STARTING else len(self.runs)
        return f"canary: {self.succeeded} of {size} succeeded{_AFTER[self.stage]}"


def stored(canary: Canary) -> dict[str, Any]:
    """As JSON."""
    runs = [{"execution": run.execution, "replay_of": run.replay_of, "state": str(run.state)} for run in canary.runs]
    return {"size": canary.size, "must_succeed": canary.must_succeed, "stage": str(canary.stage), "runs": runs}


def read(told: Mapping[str, Any] | None) -> Canary | None:
    """The one that was stored so; None where none was asked for."""
    if told is None:
        return None
    runs = tuple(Run(**run) for run in told["runs"])
    return Canary(size=told["size"], must_succeed=told["must_succeed"], stage=Stage(told["stage"]), runs=runs)
