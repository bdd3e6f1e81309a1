"""The final read: what the database holds at the end, as the checker's values."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from scheduler_project.env import ROOT
from tests.chaos import requests
from tests.chaos.checker.evidence import (
    Attempt,
    Change,
    Evidence,
    Execution,
    Limits,
    PlannedJob,
    Renewal,
    StoredJob,
    StoredSchedule,
)
from tests.chaos.history import History
from tests.chaos.witness import Witness
from tests.support import leaks
from tests.support.stack import Stack

_UNSEALED = "SELECT count(*) FROM audit_unsealed"
SEALED_SECONDS = 30.0
_EXECUTIONS = """
SELECT e.id::text, t.slug AS tenant, e.job_id::text AS job, e.schedule_id::text AS schedule, e.trigger, e.state, e.reason,
    extract(epoch FROM e.scheduled_for)::float8 AS slot, extract(epoch FROM e.folded_until)::float8 AS folded_until,
    e.folded_count, e.attempt, e.crashes, e.epoch, extract(epoch FROM e.created_at)::float8 AS created_at,
    extract(epoch FROM coalesce(c.begun, e.created_at))::float8 AS begun_at,
    extract(epoch FROM CASE WHEN e.state = 'blocked' AND e.epoch > 0 THEN e.resume_at ELSE e.not_before END)::float8 AS not_before, extract(epoch FROM e.cancel_requested_at)::float8 AS cancel_requested_at,
    CASE WHEN e.trigger = 'manual' THEN coalesce(e.payload #>> '{headers,X-Operation}', e.payload ->> 'stdin', e.payload ->> 'result')::int END
        AS operation
FROM execution e JOIN tenant t ON t.id = e.tenant_id
    LEFT JOIN chaos.change c ON c.execution = e.id AND c.kind = 'execution' AND c.before IS NULL
WHERE t.slug = ANY(%s)
"""
_ATTEMPTS = """
SELECT a.execution_id::text AS execution, a.number, a.epoch, a.state, a.worker_id::text AS worker, a.worker_pid AS pid,
    extract(epoch FROM a.started_at)::float8 AS started_at, extract(epoch FROM a.finished_at)::float8 AS finished_at
FROM attempt a JOIN tenant t ON t.id = a.tenant_id WHERE t.slug = ANY(%s)
"""
_CHANGES = """
SELECT c.seq, c.kind AS "table", c.execution::text, coalesce(c.job, e.job_id)::text AS job, coalesce(c.trigger, e.trigger) AS trigger,
    c.before, c.after, c.attempt, c.epoch, c.xid::text::bigint AS xid, extract(epoch FROM c.at)::float8 AS at,
    coalesce(extract(epoch FROM pg_xact_commit_timestamp(c.xid::xid)), extract(epoch FROM c.at))::float8 AS committed_at
FROM chaos.change c JOIN execution e ON e.id = c.execution JOIN tenant t ON t.id = e.tenant_id WHERE t.slug = ANY(%s)
"""
_RENEWALS = """
SELECT worker::text, extract(epoch FROM at)::float8 AS at, extract(epoch FROM expires_at)::float8 AS expires_at, pids FROM chaos.renewal
"""
_JOBS = "SELECT j.id::text, t.slug AS tenant, j.name, j.state FROM job j JOIN tenant t ON t.id = j.tenant_id WHERE t.slug = ANY(%s)"
_SCHEDULES = """
SELECT s.id::text, s.job_id::text AS job, (row_number() OVER (PARTITION BY s.job_id ORDER BY s.id) - 1)::int AS position, s.state
FROM schedule s JOIN tenant t ON t.id = s.tenant_id WHERE t.slug = ANY(%s)
"""


def evidence(
    carillon: Stack,
    witness: Witness,
    history: History,
    *,
    jobs: Mapping[str, PlannedJob],
    caps: Mapping[str, int | None],
    limits: Limits,
) -> Evidence:
    """All of it, once the run is over."""
    tenants = [list(caps)]
    renewals = [{**row._asdict(), "pids": frozenset(row.pids)} for row in carillon.query(_RENEWALS)]
    return Evidence(
        jobs=jobs,
        caps=caps,
        operations=tuple(history.operations),
        faults=tuple(sorted(history.faults, key=lambda fault: fault.began)),
        runs=tuple(witness.runs()),
        executions=_rows(carillon, Execution, _EXECUTIONS, tenants),
        attempts=_rows(carillon, Attempt, _ATTEMPTS, tenants),
        changes=_rows(carillon, Change, _CHANGES, tenants),
        renewals=tuple(Renewal(**row) for row in renewals),
        stored_jobs=_rows(carillon, StoredJob, _JOBS, tenants),
        stored_schedules=_rows(carillon, StoredSchedule, _SCHEDULES, tenants),
        phases=dict(history.phases),
        read_at=time.time(),
        limits=limits,
        audit=tuple(_audit(carillon)),
        leaks=tuple(_leaks(carillon, caps)),
    )


def _rows(carillon: Stack, kind: Any, query: str, parameters: list[Any]) -> tuple[Any, ...]:
    return tuple(kind(**row._asdict()) for row in carillon.query(query, *parameters))


def _audit(carillon: Stack) -> Iterator[str]:
    """What is wrong with the audit trail; a few seconds after the last change all of it is sealed."""
    until = time.monotonic() + SEALED_SECONDS
    while (unsealed := carillon.value(_UNSEALED)) and time.monotonic() < until:
        time.sleep(0.2)
    if unsealed:
        yield f"{unsealed} rows are not sealed after {SEALED_SECONDS:g} s"
    command = [sys.executable, "manage.py", "verify_audit"]
    environment = carillon.environment("web")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        yield from (done.stdout or done.stderr).splitlines()


def _leaks(carillon: Stack, tenants: Mapping[str, Any]) -> Iterator[str]:
    """Where a tenant's secret is in the clear. Scripts say it aloud."""
    with redis.Redis.from_url(carillon.valkey.url(), decode_responses=True, encoding_errors="replace") as client:
        kept = "\n".join(leaks.kept(client))
    for tenant in tenants:
        secret = requests.canary(tenant)
        yield from leaks.in_database(carillon, secret)
        yield from leaks.in_files(carillon.folder, secret)
        if leaks.found(secret, kept):
            yield "Redis"
