"""What the checker judges: all that is known of one run, as plain values.

Instants are Unix seconds of this machine's clock, which PostgreSQL, the witness and whoever calls the
API share; clock faults change what single processes see, never this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class Rule:
    """When a schedule fires, in terms simple enough to work out without the product's own code.

    ``cron``: each second whose number of seconds since 1970 leaves ``offset`` when divided by ``every``,
    a divisor of 60. ``interval``: each ``every`` seconds from ``anchor``. ``once``: at ``anchor``.
    """

    kind: str
    every: int = 0
    offset: int = 0
    anchor: int = 0

    def slots(self, after: float, until: float) -> list[int]:
        """Those later than ``after``, not later than ``until``."""
        if self.kind == "once":
            return [self.anchor] if after < self.anchor <= until else []
        phase = self.offset if self.kind == "cron" else self.anchor
        earliest = max(int(after) + 1, self.anchor if self.kind == "interval" else 0)
        first = earliest + (phase - earliest) % self.every
        return list(range(first, int(until) + 1, self.every))


@dataclass(frozen=True, slots=True)
class PlannedSchedule:
    """A schedule as it was asked for."""

    rule: Rule
    misfire: str = "all"
    grace: float = 60.0


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job as it was asked for. ``seconds`` is how long a run takes, ``fails`` how many attempts fail first."""

    name: str
    tenant: str
    type: str
    seconds: float = 0.0
    fails: int = 0
    overlap: str = "allow"
    max_running: int | None = None
    priority: int = 5
    max_attempts: int = 3
    delay: float = 1.0
    schedules: tuple[PlannedSchedule, ...] = ()

    @property
    def is_witnessed(self) -> bool:
        """Whether its runs report to the witness."""
        return self.type in ("http", "script")


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API. ``outcome``: ok; fail (refused, so not done); info (nobody knows)."""

    number: int
    tenant: str
    kind: str
    target: str
    began: float
    ended: float
    outcome: str
    status: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    detail: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Run:
    """What the witness saw of one start. ``ending``: done (its own end), cut (its connection broke), open (neither)."""

    tenant: str
    job: str
    execution: str
    attempt: int
    began: float
    ended: float
    ending: str
    operation: int | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    id: str
    tenant: str
    job: str
    schedule: str | None
    trigger: str
    state: str
    reason: str
    slot: float | None
    folded_until: float | None
    folded_count: int | None
    attempt: int
    crashes: int
    epoch: int
    #: The row was decided on between these two: its transaction's beginning, and its insertion.
    begun_at: float
    created_at: float
    #: Of a suspended one, when it goes on at the latest.
    not_before: float
    cancel_requested_at: float | None
    operation: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    execution: str
    number: int
    epoch: int
    state: str
    worker: str
    pid: int
    started_at: float
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """A row of ``execution`` or ``attempt`` as one transaction left it. ``seq`` orders those of one execution."""

    seq: int
    table: str
    execution: str
    job: str
    trigger: str
    before: str | None
    after: str
    attempt: int
    epoch: int
    xid: int
    at: float
    committed_at: float


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a worker told of itself: until when it holds its lease, and which of its processes live."""

    worker: str
    at: float
    expires_at: float
    pids: frozenset[int]


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    id: str
    job: str
    position: int
    state: str


@dataclass(frozen=True, slots=True)
class StoredJob:
    id: str
    tenant: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take before they count as violations, in seconds."""

    #: From a slot to its start while nothing is wrong.
    on_time: float = 15.0
    #: From the end of a fault until what was due meanwhile has started.
    recovered: float = 60.0
    #: The lease, and what finding its end takes on top.
    lease: float = 30.0
    #: A handler that must stop has this long, its two seconds of being reached included.
    grace: float = 10.0
    #: From the healing until something is claimed, and how late the slots of the soak may start.
    first_claim: float = 30.0
    soak_late: float = 10.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything of one run. ``phases``: name to (began, ended). ``caps``: most in flight, by tenant."""

    jobs: Mapping[str, PlannedJob]
    caps: Mapping[str, int | None]
    operations: Sequence[Operation]
    faults: Sequence[Fault]
    runs: Sequence[Run]
    executions: Sequence[Execution]
    attempts: Sequence[Attempt]
    changes: Sequence[Change]
    renewals: Sequence[Renewal]
    stored_jobs: Sequence[StoredJob]
    stored_schedules: Sequence[StoredSchedule]
    phases: Mapping[str, tuple[float, float]]
    read_at: float
    limits: Limits = field(default_factory=Limits)
    #: What verify_audit has found in the audit trail, and where a tenant's secret was found.
    audit: Sequence[str] = ()
    leaks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant. ``code`` is I1 to I18 of docs/reliability.md."""

    code: str
    message: str
    about: str = ""
