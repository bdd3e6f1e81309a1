"""Plays one scenario: calls, waits, breaks, and keeps the record the checker needs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.chaos import reading
from tests.chaos.caller import Caller
from tests.chaos.checker.evidence import Evidence, Fault, Limits, PlannedJob
from tests.chaos.checker.timelines import AHEAD
from tests.chaos.nemesis import KINDS
from tests.chaos.plan import Call
from tests.chaos.stand import Stand
from tests.support.stack import wait_for
from tests.support.stack_api import Api
from tests.support.stack_member import Member

_UNFINISHED = "SELECT count(*) FROM execution WHERE finished_at IS NULL AND not_before <= clock_timestamp()"


class Director:
    """Waiting for what a mutant never does ends the scenario: what came of it is judged as it is."""

    def __init__(self, stand: Stand, jobs: Sequence[PlannedJob], limits: Limits) -> None:
        self.stand = stand
        self._jobs = {job.name: job for job in jobs}
        self._limits = limits
        self._callers = {
            tenant: Caller(tenant, Api(stand.carillon.url, key), self._jobs, stand.witness, stand.history)
            for tenant, key in stand.keys.items()
        }

    def create(self) -> None:
        """All jobs."""
        for name in self._jobs:
            self.call("create", name)

    def call(self, kind: str, job: str) -> None:
        """As the job's tenant."""
        tenant = self._jobs[job].tenant
        self._callers[tenant].carry_out(Call(0.0, tenant, kind, job))

    def trigger(self, job: str) -> str:
        """The execution's id; empty if it was refused."""
        self.call("trigger", job)
        last = [operation for operation in self.stand.history.operations if operation.kind == "trigger"][-1]
        return str(last.data.get("execution", ""))

    def fault(self, kind: str) -> None:
        """One that is over at once."""
        began = time.time()
        injection = KINDS[kind](self.stand, random.Random(0))
        detail = next(injection)
        next(injection, None)
        self.stand.history.fault(Fault(kind, detail, began, time.time()))

    def rows(self, query: str) -> list[Any]:
        return self.stand.carillon.query(query)

    def value(self, query: str) -> Any:
        return self.stand.carillon.value(query)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 90.0) -> None:
        wait_for(condition, seconds, what)

    def wait_state(self, executions: Sequence[str], state: str, count: int) -> None:
        """Until so many of them are, or have been, in a state."""
        named = ",".join(f"'{execution}'" for execution in executions)
        query = f"SELECT count(DISTINCT execution) FROM chaos.change WHERE execution IN ({named}) AND after = '{state}'"
        self.wait(lambda: self.value(query) >= count, f"{count} are {state}")

    def owners(self, executions: Sequence[str]) -> list[Member]:
        """The workers that run them."""
        named = ",".join(f"'{execution}'" for execution in executions)
        pids = {row[0] for row in self.rows(f"SELECT worker_pid FROM execution WHERE id IN ({named})")}
        return [member for member in self.stand.keeper.up("worker") if pids & set(member.children())]

    def end(self, caps: Mapping[str, int | None], settle: float) -> Evidence:
        """Pause everything, let what is due end, and read."""
        self.stand.carillon.disconnect()
        for name, job in self._jobs.items():
            if job.schedules:
                self.call("pause", name)
        time.sleep(AHEAD)
        until = time.monotonic() + settle
        while self.value(_UNFINISHED) and time.monotonic() < until:
            time.sleep(0.2)
        for caller in self._callers.values():
            caller.close()
        return reading.evidence(
            self.stand.carillon, self.stand.witness, self.stand.history, jobs=self._jobs, caps=caps, limits=self._limits
        )
