"""Settings of how jobs run where nobody says otherwise, which have other names too; part of :mod:`scheduler_project.env`."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from scheduler_project import other_names

#: What scripts may use when nothing is said, see tasks.scripts.payload.
SCRIPT_LIMITS = {
    "cpu_seconds": 86_400,
    "memory_mb": 2048,
    "processes": 256,
    "disk_mb": 2048,
    "output_mb": 1024,
    "open_files": 1024,
}
ScriptLimit = Literal["cpu_seconds", "memory_mb", "processes", "disk_mb", "output_mb", "open_files"]


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

    sandbox: Literal["full", "process group"] = Field(
        "full",
        validation_alias="CARILLON_SANDBOX",
        description=(
            "What is around the scripts of jobs, see docs/security.md. A worker whose machine cannot do it refuses script "
            "jobs. `process group` is for tenants who are trusted: no namespaces, and the worker's network."
        ),
    )
    script_limits: dict[ScriptLimit, Annotated[int, Field(ge=1)]] = Field(
        {},
        validation_alias="CARILLON_SCRIPT_LIMITS",
        description=(
            "Most that a script may use, and has without limits of its own, a JSON object; what is not named has its default: "
            f"{json.dumps(SCRIPT_LIMITS)}."
        ),
    )
    pip_index: str = Field(
        "",
        pattern=r"^(https?://[^\s]+)?$",
        validation_alias="CARILLON_PIP_INDEX",
        description="Where the requirements of scripts are installed from, without a log-in; empty is pip's own.",
    )
    requirements_cache: str = Field(
        "",
        validation_alias="CARILLON_REQUIREMENTS_CACHE",
        description="Folder of installed requirements, which the user of jobs must reach; empty: one in the temporary folder.",
    )
    requirements_cache_mb: int = Field(
        4096,
        ge=1,
        validation_alias="CARILLON_REQUIREMENTS_CACHE_MB",
        description="What is kept there; beyond it the longest unused go, and after 30 days unused in any case.",
    )

    @field_validator("pip_index")
    @classmethod
    def _without_log_in(cls, index: str) -> str:
        if "@" in urlsplit(index).netloc:
            raise ValueError(
                "holds a log-in, which the code of every package could read while it is installed: "
                "name an index, or a mirror, that asks for none"
            )
        return index

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
