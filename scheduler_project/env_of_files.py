"""Settings of where files lie and how long; part of :mod:`scheduler_project.env`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class EnvOfFiles(BaseSettings):
    """What :class:`scheduler_project.env.Env` begins with."""

    artifacts_url: SecretStr = Field(
        SecretStr(""),
        validation_alias="CARILLON_ARTIFACTS_URL",
        description=(
            "Where artifacts lie, for web, engine and workers alike: a folder that all of them share, or "
            "s3+https://access-key:secret@host/bucket/prefix?region=eu-central-1. Unset is the folder `artifacts` in CARILLON_HOME."
        ),
    )
    artifact_days: int = Field(
        30,
        ge=1,
        le=3650,
        validation_alias="CARILLON_ARTIFACT_DAYS",
        description="How long artifacts are kept; never longer than executions.",
    )
    max_artifact_bytes: int = Field(
        5 * 1024**3,
        ge=1,
        validation_alias="CARILLON_MAX_ARTIFACT_BYTES",
        description="Most bytes of one artifact.",
    )
    files: Path | None = Field(
        None,
        validation_alias="CARILLON_FILES",
        description="Folder that holds a folder of files for each tenant, for all workers alike. Unset is `files` in CARILLON_HOME.",
    )

    @field_validator("artifacts_url")
    @classmethod
    def _can_be_read(cls, given: SecretStr) -> SecretStr:
        if "://" in given.get_secret_value():
            from jobs.artifacts.bucket import Bucket  # noqa: PLC0415 - beat, which has no jobs, reads these too

            Bucket(given.get_secret_value())
        return given
