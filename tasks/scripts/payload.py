"""The pieces of a script's payload that are more than a value."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

from jobs.handlers import Params
from tasks.sandbox.limits import MIB
from tasks.sandbox.limits import Limits as Walls

#: A name, extras, versions, a marker, hashes: no option of pip's, no URL, no path.
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._ -]+\])?"
    r"\s*((===|[=!<>~]=|[<>])\s*[A-Za-z0-9.*+!_-]+(\s*,\s*([=!<>~]=|[<>])\s*[A-Za-z0-9.*+!_-]+)*)?"
    r"(\s*;[A-Za-z0-9_.'\"<>=!~() -]+?)?"
    r"(\s+--hash=sha256:[0-9a-f]{64})*\s*"
)


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if "\0" in path or path.startswith("/") or ".." in parts:
        raise ValueError("must be a path below the script's folder: relative, without ..")
    if len(parts) > 16 or any(len(part.encode()) > 255 for part in parts):
        raise ValueError("is too deep or has too long a name in it")
    return path


def _named(path: str) -> str:
    if not PurePosixPath(path).parts or path.endswith("/"):
        raise ValueError("must name a file")
    return _inside(path)


def _requirement(line: str) -> str:
    if not _REQUIREMENT.fullmatch(line):
        raise ValueError(
            "is no requirement: write a name with its version, such as requests==2.32.3, with --hash=sha256:… after it"
            " if you like; options, URLs and paths are not taken"
        )
    return line.strip()


def _decodable(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("is no base64") from None
    return text


Folder = Annotated[str, StringConstraints(max_length=500), AfterValidator(_inside)]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_named)]
Requirement = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_requirement)]
ExitCode = Annotated[int, Field(ge=0, le=255)]


class Encoded(Params):
    """A file that is no text."""

    base64: Annotated[str, AfterValidator(_decodable)]


class FromArtifact(Params):
    """A file that another execution has kept."""

    artifact: dict[str, Any] = Field(description="Its reference, as it stands in that execution's result.")
    execution: UUID = Field(description="Which execution has kept it.")


def _kind(content: Any) -> str:
    """By what it holds, so that only the shape that was meant is asked whether it fits."""
    if not isinstance(content, Mapping):
        return "as a text"
    return "as base64" if "base64" in content else "as an artifact"


#: What a file holds.
Content = Annotated[
    Annotated[str, Tag("as a text")]
    | Annotated[Encoded, Tag("as base64")]
    | Annotated[FromArtifact, Tag("as an artifact")],
    Discriminator(_kind),
]


class Limits(Params):
    """What a script may use; without one, and at most, what the installation allows."""

    cpu_seconds: int | None = Field(None, ge=1, description="Of all its processes together.")
    memory_mb: int | None = Field(None, ge=16, description="Of all its processes together.")
    processes: int | None = Field(None, ge=1, description="At once, threads included.")
    disk_mb: int | None = Field(None, ge=1, description="In its folder.")
    output_mb: int | None = Field(None, ge=1, description="Of stdout and stderr together; the log keeps less.")
    open_files: int | None = Field(None, ge=16, description="Of each process.")

    def refusals(self) -> list[str]:
        """What is more than the installation allows."""
        caps: dict[str, int] = settings.SCRIPT_LIMITS
        given = self.model_dump(exclude_none=True)
        return [f"{name} is {given[name]}: at most {caps[name]} here" for name in given if given[name] > caps[name]]

    def walls(self) -> Walls:
        most = self.in_force
        return Walls(
            cpu_seconds=most["cpu_seconds"],
            memory_bytes=most["memory_mb"] * MIB,
            processes=most["processes"],
            disk_bytes=most["disk_mb"] * MIB,
            open_files=most["open_files"],
        )

    @property
    def output_bytes(self) -> int:
        return self.in_force["output_mb"] * MIB

    @property
    def in_force(self) -> dict[str, int]:
        """Its own, or the installation's."""
        caps: dict[str, int] = settings.SCRIPT_LIMITS
        return caps | self.model_dump(exclude_none=True)
