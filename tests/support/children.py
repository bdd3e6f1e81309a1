"""Executions that run others, from claim to end: real handlers in this process, between rounds of the engine."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs.engine import sub_runs, suspensions, workflows
from jobs.rules import identity, templates
from scheduler_project import celery  # noqa: F401 - what it does rings through it
from tasks import runner
from tests.support import rows, workflow_runs
from tests.support.workflows import ripen


class World:
    """A tenant with jobs of type dummy by name; ``most`` run side by side at most was seen of each job's executions."""

    def __init__(self) -> None:
        self.tenant = rows.tenant()
        self.jobs: dict[str, Any] = {}

    def job(self, name: str, *, type: str = "dummy", payload: Any = None, **columns: Any) -> Any:
        payload = payload or {}
        made = rows.job(self.tenant, name=name, type=type, payload=payload, **columns)
        if templates.BEGIN in str(payload):
            rows.change("UPDATE job_revision SET spec = spec || '{\"expressions\": true}' WHERE job_id = %s", made[0])
        self.jobs[name] = made
        return made

    def start(self, name: str, **columns: Any) -> UUID:
        """An execution of a job, run until it ends or waits."""
        execution = rows.execution(self.jobs[name], "queued", **({"max_attempts": 1} | columns))
        runner.run([(execution, 1)])
        return execution

    def round(self) -> int:
        """What an engine and a worker do: returns how many executions were run."""
        sub_runs.cancel_orphans()
        workflows.move_on()
        suspensions.resume_due()
        ripen()
        rows.change("UPDATE execution SET state = 'queued' WHERE state = 'pending' AND waiting_on = ''")
        found = rows.fetch("SELECT id, attempt FROM execution WHERE state = 'queued' ORDER BY id")
        for each in found:
            runner.run([each])
        return len(found)

    def settle(self) -> None:
        """Rounds until nothing is left to do: an end may take one to be told, and one to wake who waits for it."""
        idle = 0
        while idle < 3:
            idle = 0 if self.round() else idle + 1


def outcome(execution: UUID) -> tuple[str, Any, str]:
    """State, result and error message."""
    found: tuple[str, Any, str] = rows.fetch(
        "SELECT state, result, error_message FROM execution WHERE id = %s", execution
    )[0]
    return found


def members(execution: UUID) -> dict[str, tuple[str, str]]:
    """How its children stand."""
    return workflow_runs.members(identity.sub_run_id(execution))


def attempts(execution: UUID) -> list[Any]:
    """(number, state) of each."""
    return rows.fetch("SELECT number, state FROM attempt WHERE execution_id = %s ORDER BY epoch", execution)
