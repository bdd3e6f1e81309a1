"""Each filter goes by an index, and a page looks at a bounded number of rows: among many it reads only its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from tenants.api import walks
from tests.support import actors, logins, rows

#: 60 tenants; the one that asks has a third of 30,000 executions, of 400 jobs, each with a schedule; what is rare is one of a thousand.
FILL = (
    """INSERT INTO tenant (id, slug, name, state, weight, allowed_hosts, created_at)
       SELECT md5('tenant' || n)::uuid, 'plan-' || n, 'T', 'active', 1, '[]', now() FROM generate_series(1, 59) n""",
    """INSERT INTO job (id, tenant_id, name, type, description, category, state, revision, payload, queue_id, priority, timeout_seconds,
           overlap, retry, owner, created_at, updated_at)
       SELECT md5('job' || n)::uuid, CASE WHEN n % 3 = 0 THEN '{tenant}'::uuid ELSE md5('tenant' || 1 + n % 59)::uuid END, 'job ' || n,
           CASE WHEN n % 60 = 0 THEN 'http' ELSE 'dummy' END, '', 'c' || n % 90, CASE WHEN n % 60 = 0 THEN 'paused' ELSE 'active' END, 1, '{}',
           CASE WHEN n % 60 = 0 THEN 'io' ELSE 'default' END, 5, 60, 'allow', '{}', 'o' || n % 90, now(), now() - n * interval '1 minute'
       FROM generate_series(1, 6000) n""",
    "INSERT INTO job_tag (id, tenant_id, job_id, tag) SELECT gen_random_uuid(), tenant_id, id, 'few' FROM job WHERE name LIKE 'job 300%'",
    """INSERT INTO schedule (id, tenant_id, job_id, kind, expression, timezone, dst_gap, dst_fold, misfire, misfire_max, misfire_grace_seconds,
           catch_up_window_seconds, state, problem, planned_until, next_run_at, created_at, updated_at)
       SELECT md5('schedule' || name)::uuid, tenant_id, id, 'cron', '0 0 * * *', 'UTC', 'run_after_gap', 'first', 'last', 1, 60, 86400,
           CASE WHEN name LIKE '%00' THEN 'invalid' ELSE 'active' END, '', now(), now() + random() * interval '1 day', now(), now() FROM job""",
    """INSERT INTO execution (id, job_id, tenant_id, schedule_id, revision, trigger, triggered_by, replay_of, state, reason, scheduled_for, not_before,
           queue_id, priority, timeout_seconds, max_attempts, error_code, error_message, error_fingerprint, attempt, crashes, epoch, waiting_on,
           created_at, finished_at, worker_id)
       SELECT carillon_child_id(carillon_floor_id(at), n::text), j.id, j.tenant_id, md5('schedule' || j.name)::uuid, 1, 'schedule', '',
           CASE WHEN n % 999 = 0 THEN md5('original')::uuid END, k.state, CASE WHEN k.state = 'skipped' THEN 'OVERLAP' ELSE '' END, at, at, 'default', 5, 60, 3,
           CASE WHEN k.state = 'failed' THEN 'TIMEOUT' ELSE '' END, '', CASE WHEN k.state = 'failed' THEN 'f' || n % 9 ELSE '' END, 1, 0, 0, '',
           at, CASE WHEN k.state <> 'pending' THEN at END, NULL
       FROM generate_series(1, 30000) n CROSS JOIN LATERAL (SELECT now() - n * interval '1 second' AS at) w
       JOIN job j ON j.name = 'job ' || 1 + n * 7919 % 6000
       CROSS JOIN LATERAL (SELECT CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 101 = 0 THEN 'skipped' WHEN n % 1009 = 0 THEN 'pending' ELSE 'succeeded' END AS state) k""",
    """INSERT INTO dead_letter (id, tenant_id, job_id, execution_id, error_code, error_message, error_fingerprint, state, closed_by, created_at)
       SELECT id, tenant_id, job_id, id, CASE WHEN schedule_id::text < '1' THEN 'WORKER_LOST' ELSE 'TIMEOUT' END, '', 'f' || left(job_id::text, 1),
           CASE WHEN schedule_id::text < '1' THEN 'open' ELSE 'discarded' END, '', now() FROM execution LIMIT 20000""",
)  # fmt: skip
NOW = rows.now()
SINCE, UNTIL = (NOW - timedelta(hours=2)).isoformat(), (NOW - timedelta(hours=1, minutes=58)).isoformat()
FINISHED = {"finished_at[gte]": SINCE, "finished_at[lte]": UNTIL}
CHANGED = {"updated_at[gte]": (NOW - timedelta(hours=3)).isoformat()}

#: What is asked for → the index that finds it, and the most rows it may read of that.
PLANS: dict[str, tuple[str, dict[str, Any], str, int]] = {
    "nothing": ("executions", {}, "execution_recent", 60),
    "a rare state": ("executions", {"state": "pending"}, "execution_by_state", 60),
    "what is in trouble": ("executions", {"state": ["failed", "skipped"]}, "execution_by_state", 110),
    "a job": ("executions", {"job": "job 3000"}, "execution_by_job", 60),
    "a job's trouble": ("executions", {"job": "job 3000", "state": ["failed", "skipped"]}, "execution_troubled", 60),
    "a job and what waits": ("executions", {"job": "job 3000", "state": "pending"}, "execution_by_state", 60),
    "a schedule": ("executions", {"schedule": "{schedule}"}, "execution_by_schedule", 60),
    "a schedule and a state": ("executions", {"schedule": "{schedule}", "state": "succeeded"}, "execution_by_schedule", 60),
    "a tag": ("executions", {"tag": "few"}, "execution_by_job", 400),
    "a reason": ("executions", {"reason": "OVERLAP"}, "execution_by_reason", 60),
    "an error": ("executions", {"error_code": "TIMEOUT"}, "execution_by_error", 60),
    "a kind of error": ("executions", {"error_fingerprint": "f0"}, "execution_by_fingerprint", 60),
    "replays": ("executions", {"replay_of": "{original}"}, "execution_replays", 60),
    "what waits": ("executions", {"waiting_on": "JOB_CAP"}, "execution_by_state", 60),
    "a trigger": ("executions", {"trigger": "manual"}, "execution_recent", 510),
    "who asked": ("executions", {"triggered_by": "key:1"}, "execution_recent", 510),
    "a queue": ("executions", {"queue": "io"}, "execution_recent", 510),
    "a worker": ("executions", {"worker": str(uuid4())}, "execution_recent", 510),
    "a range of creation": ("executions", {"created_at[gte]": SINCE, "created_at[lte]": UNTIL}, "execution_recent or execution_pkey", 130),
    "a range of slots": ("executions", {"scheduled_for[gte]": SINCE, "scheduled_for[lte]": UNTIL}, "execution_recent", 510),
    "a range of ends": ("executions", FINISHED, "execution_recent", 510),
    "a range of ends, in order": ("executions", {**FINISHED, "order_by": "-finished_at"}, "execution_ended", 60),
    "ends of a state": ("executions", {"state": "failed", "order_by": "finished_at"}, "execution_ended", 510),
    "the oldest": ("executions", {"order_by": "created_at"}, "execution_recent", 60),
    "a search": ("executions", {"q": "job 3000"}, "execution_by_job", 120),
    "words of an error": ("executions", {"q": "was lost"}, "execution_by_state", 510),
    "an id": ("executions", {"q": "{execution}"}, "execution_recent or execution_pkey", 60),
    "jobs": ("jobs", {}, "job_recent or job_tenant_key", 60),
    "jobs of a state": ("jobs", {"state": "paused"}, "job_by_state", 60),
    "jobs of a type": ("jobs", {"type": "http"}, "job_by_type", 60),
    "jobs of a category": ("jobs", {"category": "c3"}, "job_by_category", 60),
    "jobs of an owner": ("jobs", {"owner": "o3"}, "job_by_owner", 60),
    "jobs of a queue": ("jobs", {"queue": "io"}, "job_by_queue", 60),
    "jobs by name": ("jobs", {"order_by": "name"}, "job_by_name", 60),
    "names that begin alike": ("jobs", {"order_by": "name", "name[prefix]": "job 3"}, "job_by_name", 60),
    "jobs changed": ("jobs", {**CHANGED, "order_by": "-updated_at"}, "job_by_change", 60),
    "jobs never well": ("jobs", {"never_succeeded": "true"}, "execution_by_job", 2000),
    "schedules": ("schedules", {}, "schedule_recent or schedule_tenant_key", 60),
    "schedules of a job": ("schedules", {"job": "job 3000"}, "schedule_of_job", 60),
    "broken schedules": ("schedules", {"state": "invalid"}, "schedule_idle", 60),
    "what runs next": ("schedules", {"order_by": "next_run_at"}, "schedule_upcoming", 510),
    "what runs soon": ("schedules", {"next_run_at[lte]": (NOW + timedelta(hours=2)).isoformat()}, "schedule_recent or schedule_tenant_key", 510),
    # Of a tenant that has most of them, going by all of them costs as much.
    "dead letters": ("dead-letters", {}, "dead_letter_recent or dead_letter_pkey", 510),
    "open dead letters": ("dead-letters", {"state": "open"}, "dead_letter_triage", 60),
    "dead letters of a job": ("dead-letters", {"job": "job 3000"}, "dead_letter_by_job", 60),
    "dead letters of a code": ("dead-letters", {"error_code": "WORKER_LOST"}, "dead_letter_by_error", 60),
    "dead letters of a kind": ("dead-letters", {"error_fingerprint": "f3"}, "dead_letter_by_fingerprint", 60),
}  # fmt: skip


@pytest.fixture(scope="module")
def owner() -> Iterator[Any]:
    """Whose rows are many, among other tenants'."""
    logins.empty()
    asking = actors.owner()
    rows.change("SET session_replication_role = replica")
    for statement in FILL:
        rows.change(statement.replace("{tenant}", str(asking.tenant.pk)))
    rows.change("RESET session_replication_role")
    rows.change("ANALYZE")
    yield asking
    rows.change("TRUNCATE tenant, job, execution, schedule, job_tag, dead_letter CASCADE")
    rows.change("ANALYZE")


@pytest.fixture(scope="module")
def known(owner: Any) -> dict[str, str]:
    job, schedule = rows.fetch("SELECT job_id, id FROM schedule WHERE job_id = md5('job3000')::uuid")[0]
    execution = rows.fetch("SELECT max(id::text) FROM execution WHERE tenant_id = %s", owner.tenant.pk)[0][0]
    original = rows.fetch("SELECT md5('original')::uuid::text")[0][0]
    return {"{job}": str(job), "{schedule}": str(schedule), "{execution}": execution, "{original}": original}


def explained(owner: Any, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of the walk's plan that read a table, as it ran."""
    plans: list[Any] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "row_number()" in str(sql):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT json) {sql}", params)
                plans.append(cursor.fetchone()[0][0]["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        answer = owner.api.get(f"/api/v1/{path}", limit=50, **query)
    assert answer.status_code == 200, answer.json()
    found, left = [], plans[:1]
    while left:
        node = left.pop()
        left += node.get("Plans", [])
        found.append(node)
    return found


@pytest.mark.parametrize("name", PLANS)
def test_a_filter_is_found_by_its_index_and_reads_a_bounded_number_of_rows(owner, known, name, monkeypatch):
    path, query, index, most = PLANS[name]
    monkeypatch.setattr(walks, "MOST", 500)
    asked = {key: known.get(value, value) if isinstance(value, str) else value for key, value in query.items()}
    nodes = explained(owner, path, asked)
    parents = dict(rows.fetch("SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits"))
    used = {parents.get(node["Index Name"], node["Index Name"]): 0 for node in nodes if "Index Name" in node}
    for node in nodes:
        if "Index Name" in node:
            removed = node.get("Rows Removed by Filter", 0)
            used[parents.get(node["Index Name"], node["Index Name"])] += (node["Actual Rows"] + removed) * node[
                "Actual Loops"
            ]
    (found,) = [name for name in used if name in index.split(" or ")] or [""]
    assert found, used
    assert used[found] <= most, used
    assert not {node["Node Type"] for node in nodes} & {"Seq Scan", "Sort", "Bitmap Heap Scan"}, nodes
