"""Runs attempts in this process, of a job type that lives for one test only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from jobs import handlers
from jobs.handlers import Context, Handler, Params
from jobs.rules.states import State
from tasks import runner
from tests.support import rows
from tests.support.processes import eventually

JOB_TYPE = "throwaway"
Action = Callable[[Any, Context], Any]


class AnyParams(Params):
    """Takes everything."""

    model_config = ConfigDict(extra="allow")


@contextmanager
def job_type(action: Action, *, params: type[Params] = AnyParams, threaded: bool = False) -> Iterator[None]:
    """A job type that does ``action``, registered for the length of the block."""
    attributes = {
        "job_type": JOB_TYPE, "title": "Throw-away", "description": "", "params": params, "example": {},
        "threaded": threaded,
        "run": lambda self, params, context: action(params, context),
    }  # fmt: skip
    handlers._register(type("Throwaway", (Handler,), attributes))
    try:
        yield
    finally:
        del handlers._registry[JOB_TYPE]


@dataclass(frozen=True)
class Outcome:
    """What an attempt left in the database."""

    id: UUID

    def __getattr__(self, column: str) -> Any:
        """A column of the execution."""
        return rows.fetch(f"SELECT {column} FROM execution WHERE id = %s", self.id)[0][0]

    @property
    def attempts(self) -> list[Any]:
        """Number, state and error code of each, in the order of their claims."""
        return rows.fetch(
            "SELECT number, state, error_code FROM attempt WHERE execution_id = %s ORDER BY epoch", self.id
        )

    @property
    def buried(self) -> bool:
        """Whether there is a dead letter."""
        return bool(rows.fetch("SELECT 1 FROM dead_letter WHERE execution_id = %s", self.id))

    @property
    def log(self) -> list[tuple[int, str, str, str]]:
        """Number, level, stream and text of each line."""
        return rows.fetch(
            """SELECT first_seq + place - 1, line ->> 1, line ->> 2, line ->> 3
               FROM execution_log, jsonb_array_elements(lines) WITH ORDINALITY AS l (line, place)
               WHERE execution_id = %s ORDER BY 1""",
            self.id,
        )

    @property
    def messages(self) -> list[str]:
        """The texts of the log."""
        return [text for _, _, _, text in self.log]

    def run_again(self, action: Action) -> None:
        """Publish and run its next attempt."""
        rows.change("UPDATE execution SET state = 'queued' WHERE id = %s", self.id)
        with job_type(action):
            runner.run([(self.id, self.attempt)])


def attempt(
    action: Action,
    *,
    params: type[Params] = AnyParams,
    of: Any = None,
    retry: Any = None,
    payload: Any = None,
    overrides: Any = None,
    **columns: Any,
) -> Outcome:
    """Claim and run an execution whose handler does ``action``. ``columns`` are the execution's, ``overrides`` its payload."""
    job = of or rows.job(type=JOB_TYPE, retry=retry, payload=payload or {})
    outcome = Outcome(rows.execution(job, State.QUEUED, payload=overrides, **columns))
    with job_type(action, params=params):
        runner.run([(outcome.id, 1)])
    return outcome


def until_stopped(*_: Any) -> None:
    """An action that goes on until it is interrupted; if nobody does, it ends by itself and spoils the test."""
    eventually(lambda: False, seconds=60)
