"""How a job has done in a window: one statement over the newest rows of an index, however much is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs import sql
from jobs.models import Job
from jobs.rules import identity
from jobs.rules.states import State

#: Most executions of a window that are looked at, the newest ones.
MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Spread:
    """Of lengths of time, in seconds."""

    p50: float
    p95: float
    max: float


@dataclass(frozen=True, slots=True)
class JobStats:
    """Of executions for instants in a window. ``counted_from`` is later than ``since`` where only the newest were counted."""

    since: datetime
    until: datetime
    counted_from: datetime
    counted: int
    capped: bool
    by_state: Mapping[str, int]
    success_rate: float | None
    duration_seconds: Spread | None
    wait_seconds: Spread | None
    attempts_per_execution: float | None
    crashes: int
    last_success_at: datetime | None
    last_failure_at: datetime | None
    days: Sequence[Mapping[str, Any]]


def of_job(job: Job, *, since: datetime, until: datetime, most: int = MOST_ROWS) -> JobStats:
    """The newest ``most`` executions of [since, until)."""
    window = {"low": identity.floor_id(since), "high": identity.floor_id(until)}
    found = sql.run("job_stats", tenant_id=job.tenant_id, job_id=job.pk, **window, most=most)[0]
    days = found.days or []
    by_state = Counter({state.value: 0 for state in State})
    for row in days:
        by_state[row["state"]] += int(row["slots"])
    capped = found.rows == most
    return JobStats(
        since=since,
        until=until,
        counted_from=_instant_of(found.oldest) if capped else since,
        counted=found.rows,
        capped=capped,
        by_state=dict(by_state),
        success_rate=success_rate(by_state["succeeded"], by_state["failed"]),
        duration_seconds=_spread(found.took),
        wait_seconds=_spread(found.waited),
        attempts_per_execution=found.attempts,
        crashes=found.crashes,
        last_success_at=found.last_success_at,
        last_failure_at=found.last_failure_at,
        days=_by_day(days),
    )


def success_rate(succeeded: int, failed: int) -> float | None:
    """Of what ended by itself; None if nothing did."""
    return succeeded / (succeeded + failed) if succeeded + failed else None


def _spread(values: Sequence[float] | None) -> Spread | None:
    return None if values is None or values[0] is None else Spread(*values)


def _by_day(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Days on which there was something, the first one first."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        day = found.setdefault(row["day"], {"day": row["day"], "by_state": {}})
        day["by_state"][row["state"]] = int(row["slots"])
    return list(found.values())


def _instant_of(execution_id: Any) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=identity.milliseconds(execution_id))
