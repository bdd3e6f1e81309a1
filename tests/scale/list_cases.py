"""What lists are asked for when they are measured: every documented filter, common values and rare ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

#: The last instant of the filled weeks that is asked about, seen from now.
LATE, EARLY = timedelta(days=15), timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Case:
    """A list and what it is asked for."""

    path: str
    query: Mapping[str, Any]

    @property
    def name(self) -> str:
        asked = "&".join(f"{name}={_short(value)}" for name, value in self.query.items())
        return f"{self.path}?{asked}" if asked else self.path


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_short, value))
    text = str(value)
    return "…" if len(text) > 31 else text


def cases(known: Mapping[str, Any], now: datetime) -> Iterator[Case]:
    """``known``: a job, schedule, fingerprint, execution, worker and replayed one of the tenant's, by name."""
    yield from (Case("executions", query) for query in _executions(known, now))
    job = {"job": known["job"]}
    yield Case(f"jobs/{known['job']}/executions", {})
    yield Case(f"jobs/{known['job']}/executions", {"state": ["failed", "skipped"]})
    yield Case(f"schedules/{known['schedule']}/executions", {})
    yield Case(f"schedules/{known['schedule']}/executions", {"state": "failed"})
    yield from (Case("jobs", query) for query in _jobs(known, now))
    day = {"next_run_at[gte]": now.isoformat(), "next_run_at[lte]": (now + timedelta(hours=3)).isoformat()}
    for asked in ({}, job, {"state": "invalid"}, {"state": ["paused", "invalid"]}, {"kind": "interval"}, {"queue": "rare"}, day,
                  {"order_by": "next_run_at"}, {"order_by": "next_run_at", **day}, {"expand": "job"}, {"count": "capped"}):  # fmt: skip
        yield Case("schedules", asked)
    for asked in ({}, job, {"state": "open"}, {"error_code": "WORKER_LOST"}, {"error_fingerprint": known["fingerprint"]},
                  {"state": "open", "error_code": "TIMEOUT"}, {"expand": "execution"}, {"count": "capped"}):  # fmt: skip
        yield Case("dead-letters", asked)
    yield Case("audit-events", {})


def _executions(known: Mapping[str, Any], now: datetime) -> Iterator[dict[str, Any]]:
    since, until = (now - EARLY).isoformat(), (now - EARLY + timedelta(hours=6)).isoformat()
    yield {}
    for state in ("succeeded", "failed", "skipped", "cancelled", "pending", "running", "blocked"):
        yield {"state": state}
    yield {"state": ["failed", "skipped"]}
    yield {"state": ["failed", "skipped"], "created_at[gte]": (now - LATE).isoformat()}
    for trigger in ("schedule", "manual", "replay"):
        yield {"trigger": trigger}
    yield {"job": known["job"]}
    yield {"job": known["jobs"][:10]}
    yield {"job": known["jobs"][:20], "state": "failed"}
    yield {"job": known["job"], "state": ["failed", "skipped"]}
    yield {"job": known["job"], "state": "running"}
    yield {"schedule": known["schedule"]}
    yield {"schedule": known["schedule"], "state": "cancelled"}
    for queue in ("default", "io", "rare"):
        yield {"queue": queue}
    for tag in ("everywhere", "tenth", "few"):
        yield {"tag": tag}
    yield {"tag": "tenth", "state": "failed"}
    for reason in ("OVERLAP", "DST_GAP"):
        yield {"reason": reason}
    for code in ("EXECUTION_FAILED", "WORKER_LOST", "NONE_SUCH"):
        yield {"error_code": code}
    yield {"error_fingerprint": known["fingerprint"]}
    yield {"worker": known["worker"]}
    yield {"triggered_by": "key:1"}
    yield {"triggered_by": "user:maria@example.com"}
    yield {"replay_of": known["replayed"]}
    yield {"waiting_on": "JOB_CAP"}
    for name in ("created_at", "scheduled_for", "finished_at"):
        yield {f"{name}[gte]": since, f"{name}[lte]": until}
    yield {"finished_at[gte]": since, "finished_at[lte]": until, "order_by": "-finished_at"}
    yield {"state": "failed", "order_by": "-finished_at"}
    yield {"order_by": "-finished_at"}
    yield {"order_by": "created_at"}
    yield {"q": known["execution"]}
    yield {"q": known["execution"][:8]}
    yield {"q": known["job_name"]}
    yield {"q": "job"}
    yield {"q": "was lost"}
    yield {"q": "nothing has this"}
    yield {"fields": "id,state,job.name"}
    yield {"expand": "job,schedule,attempts"}
    yield {"count": "capped"}
    yield {"state": "failed", "queue": "rare", "count": "capped"}
    yield {"limit": 200}


def _jobs(known: Mapping[str, Any], now: datetime) -> Iterator[dict[str, Any]]:
    yield {}
    for name, value in {
        "name": known["job_name"], "name[prefix]": known["job_name"][:5], "type": "sql", "state": "paused", "category": "category-1",
        "owner": "owner-7@example.com", "queue": "rare", "tag": "tenth", "never_succeeded": "true",
        "updated_at[gte]": (now - timedelta(hours=5)).isoformat(), "order_by": "name", "expand": "last_execution", "count": "capped",
    }.items():  # fmt: skip
        yield {name: value}
    yield {"order_by": "name", "name[prefix]": known["job_name"][:5]}
    yield {"order_by": "-updated_at", "updated_at[gte]": (now - timedelta(hours=5)).isoformat()}
    yield {"fields": "id,name,state"}
