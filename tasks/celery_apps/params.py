"""The payload of a ``celery_task`` job, and what of it nobody may ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Self

from pydantic import Field, model_validator

from jobs import connections
from jobs.handlers import Allowance, Json, Params

#: Modules of Carillon's own tasks, and of Celery's, which act on whatever app takes them.
OUR_TASKS = ("tasks.dispatch.", "tasks.run.", "tasks.maintenance.", "celery.")
#: Names in Carillon's own Redis that are no queues of anybody's.
OUR_QUEUES = ("engine", "unacked", "unacked_index", "unacked_mutex")
#: As jobs.engine.dispatch calls the queues of executions; job types know nothing of the engine.
OUR_PREFIX = "jobs."

Prefix = Annotated[str, Field(max_length=100, pattern=r"^[\x21-\x7e]*$")]


class CeleryTaskParams(Params):
    """One call of one task."""

    connection: connections.named("redis", "rabbitmq") | None = Field(  # type: ignore[valid-type]
        default=None, description="The app's broker; left out: Carillon's own Redis, which your workers then read too."
    )
    task: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.:/-]+$")] = Field(
        description="Its name, as the worker registers it; one of those the tenant may run."
    )
    args: list[Json] = Field(default=[], description="Arguments by place.")
    kwargs: dict[str, Json] = Field(default={}, description="Arguments by name.")
    queue: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "celery"
    wait: bool = Field(default=True, description="False: the job has succeeded once the broker has the message.")
    wait_seconds: float | None = Field(
        default=None, gt=0, le=86_400, description="Longest wait for the result, within the job's timeout_seconds."
    )
    result_connection: connections.named("redis", "postgresql", "mysql") | None = Field(  # type: ignore[valid-type]
        default=None,
        description="Where the app keeps results: its Redis, or the database of django-celery-results. Left out: the broker.",
    )
    key_prefix: Prefix = Field(default="", description="global_keyprefix of the app's Redis broker, if it has one.")
    result_key_prefix: Prefix = Field(default="", description="The same of its Redis result backend.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.wait and (self.wait_seconds or self.result_connection):
            raise ValueError("wait is false, so there is no result to wait for: leave out what says how")
        return self

    def refusals(self, tenant: Allowance) -> Mapping[str, Sequence[str]]:
        """By field; of tasks that exist elsewhere nothing is known."""
        if self.task.startswith(OUR_TASKS):
            return {"task": [f"{self.task!r} is a task of Carillon's or Celery's own: no job may run it"]}
        if not any(fnmatchcase(self.task, pattern) for pattern in tenant.allowed_tasks):
            return {"task": [f"{self.task!r} is not among the tasks this tenant may run: ask who runs the platform"]}
        if self.connection is None and (self.queue in OUR_QUEUES or self.queue.startswith(OUR_PREFIX)):
            return {"queue": [f"{self.queue!r} is a queue of Carillon's own: no job may send to it"]}
        if self.connection is None and (self.key_prefix or self.result_key_prefix):
            return {"key_prefix": ["Carillon's own Redis has no prefix: name a connection, or leave it out"]}
        return {}
