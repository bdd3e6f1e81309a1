"""Settings of how jobs run where nobody says otherwise, which have other names too; part of :mod:`scheduler_project.env`."""

from __future__ import annotations

import os
from typing import Any

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from scheduler_project import other_names


def _unset(name: str, *, at_least: float, at_most: float, says: str) -> Any:
    """A number that nobody need give."""
    return Field(None, ge=at_least, le=at_most, validation_alias=name, description=says)


class EnvOfWork(BaseSettings):
    """What :class:`scheduler_project.env.Env` begins with."""

    default_timeout_seconds: float | None = _unset(
        "CARILLON_DEFAULT_TIMEOUT_SECONDS",
        at_least=0.1,
        at_most=86_400,
        says="Time limit of jobs that are made without one, in tenants without a default of their own; unset is 300.",
    )
    default_attempts: int | None = _unset(
        "CARILLON_DEFAULT_ATTEMPTS",
        at_least=1,
        at_most=100,
        says="`max_attempts` of jobs that are made without a retry policy, there; unset is 3.",
    )
    default_retry_delay_seconds: float | None = _unset(
        "CARILLON_DEFAULT_RETRY_DELAY_SECONDS",
        at_least=0,
        at_most=604_800,
        says="`delay_seconds` of theirs; unset is 60.",
    )
    worker_slots: int | None = _unset(
        "CARILLON_WORKER_SLOTS",
        at_least=1,
        at_most=1000,
        says="What a worker runs at once that is started without `--concurrency`, as `make up` starts that of `default`; unset: as many as there are processors.",
    )
    maintenance_seconds: float = Field(
        3600,
        ge=60,
        le=86_400,
        validation_alias="CARILLON_MAINTENANCE_SECONDS",
        description="How often beat asks for housekeeping: partitions made and dropped, retention.",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_other_names(cls, given: Any) -> Any:
        return other_names.read(given, os.environ)

    @property
    def job_defaults(self) -> dict[str, Any]:
        """What a job has that neither it nor its tenant says anything of; empty is the product's own."""
        retry = {"max_attempts": self.default_attempts, "delay_seconds": self.default_retry_delay_seconds}
        given = {name: value for name, value in retry.items() if value is not None}
        return {"timeout_seconds": self.default_timeout_seconds, "retry": given}
