"""What transitions are given and give back: plain values, no behaviour."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.rules.states import State

#: A line of a log: [ISO instant, level, stream, message].
Line = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """A row to be. A ``skipped`` one is a slot that does not run and needs its reason."""

    id: UUID
    tenant_id: UUID
    job_id: UUID
    revision: int
    trigger: str
    not_before: datetime
    queue_id: str
    priority: int
    timeout_seconds: float
    max_attempts: int
    schedule_id: UUID | None = None
    triggered_by: str = ""
    replay_of: UUID | None = None
    state: str = State.SCHEDULED
    reason: str = ""
    scheduled_for: datetime | None = None
    folded_until: datetime | None = None
    folded_count: int | None = None
    payload: Mapping[str, Any] | None = None
    concurrency_key: str = ""
    dedup_key: str = ""
    operation_id: UUID | None = None
    start_before: datetime | None = None
    event: Mapping[str, Any] | None = None
    workflow_run_id: UUID | None = None
    step: str = ""
    decide_at: datetime | None = None
    #: Whether jobs that depend on it are started with it; None: unless it is a replay or a backfill.
    with_downstream: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a claim returned: the right to run one attempt, fenced by ``epoch``."""

    id: UUID
    attempt_id: UUID
    tenant_id: UUID
    tenant: str
    allowed_hosts: Sequence[str]
    allowed_callables: Sequence[str]
    allowed_queues: Sequence[str] = ()
    allowed_job_types: Sequence[str] = ()
    max_log_bytes: int | None = None
    max_file_bytes: int | None = None
    queue: str = ""
    job_id: UUID
    job: str
    spec: Mapping[str, Any] | None
    payload: Mapping[str, Any] | None
    attempt: int
    crashes: int
    epoch: int
    timeout_seconds: float
    last_seq: int
    #: Of the job's max_total_seconds; None without that limit.
    seconds_left: float | None = None
    soft_timeout_seconds: float | None = None
    #: Whether its job is paused after so many failures.
    is_counted: bool = False
    event: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Whose claim a write belongs to. ``waited``: seconds from the claim until this member of a batch had its turn."""

    id: UUID
    attempt_id: UUID
    epoch: int
    waited: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an attempt did not succeed; empty when nothing went wrong."""

    code: str = ""
    message: str = ""

    def columns(self) -> dict[str, str]:
        return {"error_code": self.code, "error_message": self.message, "error_fingerprint": fingerprint(self)}


NO_PROBLEM = Problem()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The lines of a log that are not stored yet, and the sequence number of the first."""

    first_seq: int = 0
    lines: list[Line] = field(default_factory=list)


NO_TAIL = Tail()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a running attempt leaves behind. ``took``: seconds from its turn to its end; None: it has ended just now.

    ``counted_job``: whose failures in a row a success ends; None: they are not counted.
    """

    fence: Fence
    result: Any = None
    tail: Tail = NO_TAIL
    took: float | None = None
    counted_job: UUID | None = None

    def row(self) -> dict[str, Any]:
        stored = {"result": self.result, "first_seq": self.tail.first_seq, "lines": self.tail.lines, "took": self.took}
        ids = {"id": str(self.fence.id), "attempt_id": str(self.fence.attempt_id)}
        return {**ids, "epoch": self.fence.epoch, "waited": self.fence.waited, **stored}


def fingerprint(problem: Problem) -> str:
    """Equal for errors that differ only in numbers, ids and quoted text."""
    if not problem.code:
        return ""
    shape = re.sub(r"'[^']*'|\"[^\"]*\"|0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "?", problem.message)
    return hashlib.sha256(f"{problem.code}\0{shape}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Ended:
    """A transition out of running happened; ``frees_somebody`` if a parked one waits for the room it leaves, or a workflow run
    for it.

    ``counted_job``: its job, if that counts failures and this is one.
    """

    frees_somebody: bool
    counted_job: UUID | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """What one page did. ``unwanted``: whether there were such rows, those of the page included."""

    skipped: int
    unwanted: bool
