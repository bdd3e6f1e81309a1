"""Graphs of jobs, and the steps of their runs moved by real transitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from jobs.engine import transitions, workflows
from jobs.engine.records import NewExecution, Problem
from jobs.engine.transitions import Claim, Fence
from jobs.rules import identity
from tenants.fields import new_id
from tests.support import one, rows

PROBLEM = Problem(code="EXECUTION_FAILED", message="it broke")


class Jobs:
    """Jobs of one tenant by name, made when they are named first."""

    def __init__(self, tenant: UUID | None = None, **columns: Any) -> None:
        self.tenant = tenant or rows.tenant()
        self._columns = columns
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._made.get(name) or self.add(name)

    def add(self, name: str, **columns: Any) -> Any:
        self._made[name] = rows.job(self.tenant, name=name, **{**self._columns, **columns})
        return self._made[name]

    def edge(self, upstream: str, downstream: str, rule: str = "all_success", **columns: Any) -> None:
        """``downstream`` after ``upstream``."""
        defaults = {
            "id": new_id(), "tenant_id": self.tenant, "upstream_id": self[upstream][0], "downstream_id": self[downstream][0],
            "mode": "start", "trigger_rule": rule, "condition": "", "gate_timeout_seconds": 86_400, "created_at": rows.now(),
            "updated_at": rows.now(),
        }  # fmt: skip
        rows.insert("dependency", **(defaults | columns))

    def edges(self, *pairs: str, **columns: Any) -> None:
        """``"a>b"`` each."""
        for pair in pairs:
            self.edge(*pair.split(">"), **columns)


def diamond() -> Jobs:
    """extract before clean and count, both before load."""
    made = Jobs()
    made.edges("extract>clean", "extract>count", "clean>load", "count>load")
    return made


def new(job: Any, **columns: Any) -> NewExecution:
    """An execution of a job that is due now."""
    defaults: dict[str, Any] = {
        "id": identity.request_id(rows.now()), "tenant_id": job[1], "job_id": job[0], "revision": 1, "trigger": "manual",
        "not_before": rows.now(), "queue_id": "default", "priority": 5, "timeout_seconds": 60, "max_attempts": 3,
    }  # fmt: skip
    return NewExecution(**(defaults | columns))


def start(job: Any, **columns: Any) -> UUID:
    """Make a root as a request does, and let it ripen; returns its run's id."""
    root = new(job, **columns)
    with transaction.atomic():
        transitions.create([root])
        ripen()
    return run_of(root.id)


def started(jobs: Jobs, **columns: Any) -> UUID:
    """A run of ``extract`` that is planned and waits for its root."""
    run = start(jobs["extract"], **columns)
    move()
    return run


def run_of(root: UUID) -> UUID:
    run: UUID = rows.fetch("SELECT workflow_run_id FROM execution WHERE id = %s", root)[0][0]
    return run


def ripen() -> None:
    transitions.ripen(now=rows.now(), limit=5000)


def move() -> None:
    """As the timer does, until there is nothing left to do."""
    while workflows.move_on():
        ripen()
    ripen()


def ids(run: UUID) -> dict[str, UUID]:
    """The execution that stands for each step."""
    return dict(rows.fetch("SELECT step, id FROM execution WHERE workflow_run_id = %s AND NOT superseded", run))


def states(run: UUID) -> dict[str, str]:
    """How each step stands: its state, or why it was skipped or failed."""
    found = rows.fetch(
        "SELECT step, state, reason, error_code FROM execution WHERE workflow_run_id = %s AND NOT superseded", run
    )
    return {step: reason or code or state for step, state, reason, code in found}


def state(run: UUID) -> str:
    stored: str = rows.fetch("SELECT state FROM workflow_run WHERE id = %s", run)[0][0]
    return stored


def claim(execution: UUID) -> Claim:
    """It is admitted and taken, whatever queue it is in."""
    rows.change("UPDATE execution SET state = 'queued' WHERE id = %s AND state = 'pending'", execution)
    attempt = rows.fetch("SELECT attempt FROM execution WHERE id = %s", execution)[0][0]
    claimed = one.claim(execution, attempt=attempt, worker_id=uuid4(), worker="w", pid=1)
    assert claimed is not None, rows.state_of(execution)
    return claimed


def fence(claimed: Claim) -> Fence:
    return Fence(id=claimed.id, attempt_id=claimed.attempt_id, epoch=claimed.epoch)


def end(run: UUID, outcomes: Mapping[str, str] | None = None, *steps: str, result: Any = None) -> None:
    """Run steps: ``succeed`` unless ``outcomes`` says ``fail``; then move on."""
    wanted = {**dict.fromkeys(steps, "succeed"), **(outcomes or {})}
    found = ids(run)
    for step, outcome in wanted.items():
        claimed = claim(found[step])
        if outcome == "fail":
            assert transitions.exhaust(fence(claimed), PROBLEM)
        else:
            assert one.succeed(fence(claimed), result=result)
    move()


def succeed(run: UUID, *steps: str, result: Any = None) -> None:
    end(run, None, *steps, result=result)


def untold() -> Iterable[Any]:
    """Ended steps that no run has taken note of."""
    return rows.fetch(
        "SELECT step FROM execution WHERE workflow_run_id IS NOT NULL AND NOT is_told AND finished_at IS NOT NULL"
    )
