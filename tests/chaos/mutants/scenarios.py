"""What is done to a mutant, and to the sound product, which must come through it unharmed.

Each is a few jobs, how many processes there are, and a function that makes the trouble. Afterwards the
jobs are paused, what is due gets its time to end, and the checker judges.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.chaos.checker.evidence import Fault, PlannedJob, PlannedSchedule, Rule
from tests.chaos.mutants.catalogue import LEASE
from tests.chaos.mutants.director import Director

ONE_EACH = {"web": 1, "engine": 1, "worker": 1}
EACH_SECOND = (PlannedSchedule(Rule("cron", every=1)),)


@dataclass(frozen=True)
class Scenario:
    jobs: tuple[PlannedJob, ...]
    act: Callable[[Director], None]
    wanted: Mapping[str, int] = field(default_factory=lambda: ONE_EACH)


def _job(seconds: float, tenant: str = "alder", name: str = "job", kind: str = "http", **fields: object) -> PlannedJob:
    return PlannedJob(f"{tenant}-{name}", tenant, kind, seconds=seconds, **fields)  # type: ignore[arg-type]


def _redelivered(director: Director) -> None:
    executions = [director.trigger("alder-job") for _ in range(3)]
    director.wait_state(executions, "running", 1)
    director.fault("duplicate messages")
    director.wait_state(executions, "succeeded", 3)
    director.fault("duplicate messages")
    time.sleep(2)


def _frozen(director: Director) -> None:
    """A worker and its children stand still until another has taken over, then go on where they were."""
    executions = [director.trigger("alder-job") for _ in range(2)]
    director.wait_state(executions, "running", 2)
    (victim,) = director.owners(executions[:1])
    pids = [victim.pid, *victim.children()]
    began = time.time()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        director.wait(
            lambda: director.value("SELECT count(*) FROM execution WHERE state = 'running' AND attempt = 2"),
            "taken over",
            4 * LEASE,
        )
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    director.stand.history.fault(Fault("stop worker", f"worker {victim.pid} and its children", began, time.time()))


def _cancelled_too_late(director: Director) -> None:
    executions = [director.trigger("alder-job")]
    director.wait_state(executions, "succeeded", 1)
    director.call("cancel", "alder-job")


def _child_killed(director: Director) -> None:
    executions = [director.trigger("alder-job")]
    director.wait_state(executions, "running", 1)
    director.fault("kill child")


def _busy(director: Director) -> None:
    executions = [director.trigger("alder-job") for _ in range(2)]
    director.wait_state(executions, "running", 1)
    time.sleep(3)


def _worker_killed(director: Director) -> None:
    executions = [director.trigger("alder-job")]
    director.wait_state(executions, "running", 1)
    director.fault("kill worker")


def _flushed(director: Director) -> None:
    executions = [director.trigger("alder-job") for _ in range(9)]
    director.wait_state(executions, "running", 2)
    director.fault("redis flush")


def _each_second(director: Director) -> None:
    time.sleep(12)


def _poison(director: Director) -> None:
    """Whenever it runs, its process is killed."""
    execution = director.trigger("alder-job")
    for number in range(1, 6):
        query = (
            f"SELECT worker_pid FROM execution WHERE id = '{execution}' AND state = 'running' AND attempt = {number}"
        )
        over = f"SELECT finished_at IS NOT NULL FROM execution WHERE id = '{execution}'"
        director.wait(lambda query=query, over=over: director.rows(query) or director.value(over), "it runs again", 30)
        if director.value(over):
            return
        os.kill(director.rows(query)[0][0], signal.SIGKILL)


def _cancelled(director: Director) -> None:
    executions = [director.trigger("alder-job")]
    director.wait_state(executions, "running", 1)
    director.call("cancel", "alder-job")
    time.sleep(10)


def _crowd(director: Director) -> None:
    for _ in range(4):
        director.trigger("alder-capped")
    time.sleep(8)


def _two_tenants(director: Director) -> None:
    for _ in range(3):
        for tenant in ("alder", "birch"):
            director.call("trigger", f"{tenant}-job")
            director.call("list", f"{tenant}-job")


SCENARIOS: dict[str, Scenario] = {
    "redelivered": Scenario((_job(2),), _redelivered),
    "frozen": Scenario((_job(6, kind="dummy"),), _frozen, {"web": 1, "engine": 1, "worker": 2}),
    "cancelled-too-late": Scenario((_job(0),), _cancelled_too_late),
    "child-killed": Scenario((_job(3),), _child_killed),
    "busy": Scenario((_job(4),), _busy),
    "worker-killed": Scenario((_job(3),), _worker_killed),
    "flushed": Scenario((_job(1.5),), _flushed),
    "each-second": Scenario(tuple(_job(0, name=f"job-{number}", schedules=EACH_SECOND) for number in range(4)), _each_second, {"web": 1, "engine": 2, "worker": 1}),
    "poison": Scenario((_job(4),), _poison),
    "cancelled": Scenario((_job(25, kind="script"),), _cancelled),
    "crowd": Scenario((_job(1.5, name="capped", max_running=1), _job(2.5, name="single", overlap="skip", schedules=EACH_SECOND)), _crowd),
    "two-tenants": Scenario((_job(0), _job(0, tenant="birch")), _two_tenants),
}  # fmt: skip
