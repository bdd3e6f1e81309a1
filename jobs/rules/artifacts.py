"""What an artifact may be called, what it may say it is, and how long it is kept."""

from __future__ import annotations

import re
from datetime import timedelta

from tenants.rules.quotas import kept_for

#: Most of one execution.
MOST_OF_ONE = 1_000
LONGEST_NAME = 200
LONGEST_TYPE = 120
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*(; ?charset=[a-z0-9-]+)?", re.IGNORECASE)


class BadArtifact(ValueError):
    """What is wrong with a name or a content type."""


def check(name: str, content_type: str) -> None:
    """A name that people can read in a list and save a file under; a type that fits into a header."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise BadArtifact(
            f"{name!r} cannot name an artifact: use 1 to {LONGEST_NAME} printable characters, no space around them"
        )
    if "/" in name or "\\" in name or name.strip(".") == "":
        raise BadArtifact(f"{name!r} cannot name an artifact: it looks like a path, leave slashes out")
    if len(content_type) > LONGEST_TYPE or not _TYPE.fullmatch(content_type):
        raise BadArtifact(f"{content_type!r} is no content type: write it like text/csv")


def kept(own_days: int | None, retention_days: int | None, *, artifacts: timedelta, executions: timedelta) -> timedelta:
    """How long a new one stays: as the tenant says, else the installation, and never longer than its execution."""
    return min(kept_for(own_days, artifacts), kept_for(retention_days, executions))
