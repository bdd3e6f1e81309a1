"""Failures by their kind: what has the same fingerprint (jobs.engine.records) is most likely one thing to mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from jobs import sql
from jobs.rules import identity

#: Failed executions that are read, and groups that are told of.
MOST_READ, MOST_GROUPS = 10_000, 200
USUAL = timedelta(hours=24)


class Status(StrEnum):
    """Whether anybody has to look at a group."""

    OPEN = "open"
    RESOLVED = "resolved"
    CAME_BACK = "came_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Failed executions of one fingerprint; ``open``: those whose dead letter is open, ``jobs``: (id, name) of some."""

    fingerprint: str
    code: str
    message: str
    count: int
    open: int
    jobs: Sequence[tuple[UUID, str]]
    job_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    sample_execution: UUID
    #: Of whoever last took it for mended, and the first failure after that.
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None
    came_back_at: datetime | None

    @property
    def status(self) -> Status:
        """Where it stands: what came back is as open as what nobody has resolved."""
        if self.resolved_at is None:
            return Status.OPEN
        return Status.RESOLVED if self.came_back_at is None else Status.CAME_BACK


@dataclass(frozen=True, slots=True)
class Found:
    """Groups, and whether there may be older failures in the window."""

    groups: list[Group]
    read: int
    capped: bool


def find(
    *,
    tenant_id: UUID,
    since: datetime,
    job_id: UUID | None = None,
    fingerprint: str | None = None,
    largest_first: bool = False,
    limit: int = MOST_GROUPS,
) -> Found:
    """Those of a window, the last seen first or the largest first."""
    rows = sql.run(
        "group_failures", tenant_id=tenant_id, since=identity.floor_id(since), job_id=job_id, fingerprint=fingerprint,
        most=MOST_READ, largest=largest_first, limit=limit,
    )  # fmt: skip
    read = rows[0].total if rows else 0
    return Found([_group(row) for row in rows], read, read >= MOST_READ)


def _group(row: object) -> Group:
    names = [name for name in Group.__dataclass_fields__ if name != "jobs"]
    jobs = list(zip(row.job_ids, row.job_names, strict=True))  # type: ignore[attr-defined]
    return Group(jobs=jobs, **{name: getattr(row, name) for name in names})
