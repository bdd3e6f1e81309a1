"""Each hot statement goes by an index, whatever values it is run with: among many rows it touches only its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs import sql
from tests.support import logins, rows, statements

#: What the statement must be found by, wherever rows are many.
EXPECTED = {
    "wake_parked": {"execution_parked", "execution_in_flight", "execution_keyed", "execution_let_go", "event_order"},
    "capacity": {"execution_published", "execution_in_background"},
    "paces": {"execution_by_state", "execution_by_job"},
    "ended_lately": {"event_order", "job_pkey"},
    "job_stats": {"execution_by_job"},
    "crowd": {"schedule_upcoming"},
    "next_instants": {
        "execution_ripening",
        "execution_ready",
        "schedule_due",
        "job_throttle_end",
        "maintenance_open",
        "maintenance_over",
        "workflow_run_to_plan",
    },
    "ripen": {"execution_ripening", "execution_overlapping"},
    "postpone": {"execution_pkey"},
    "admit": {
        "execution_ready",
        "execution_in_flight",
        "execution_keyed",
        "execution_of_operation",
        "maintenance_open",
    },
    "withdraw": {"execution_published", "execution_in_flight", "execution_closing", "maintenance_open", "job_pkey"},
    "claim": {"execution_pkey", "job_pkey"},
    "attend": {"execution_pkey"},
    "append_log": {"execution_pkey"},
    "end_running": {"execution_pkey", "attempt_pkey", "execution_parked"},
    "put_back": {"execution_pkey", "attempt_pkey", "execution_parked"},
    "end_waiting": {"execution_pkey"},
    "request_cancel": {"execution_pkey"},
    "unblock": {"execution_pkey"},
    "lost_owners": {"execution_owned"},
    "claimed_by": {"execution_owned"},
    "queued_counts": {"execution_published"},
    "publish_again": {"execution_published"},
    "held_of_deleted": {"execution_parked", "job_pkey"},
    "end_waiting_of_job": {"execution_by_job"},
    "lock_due_schedules": {"schedule_due", "job_pkey"},
    "advance_schedules": {"schedule_pkey"},
    "return_runs": {"schedule_pkey"},
    "windows_near": {"maintenance_open", "maintenance_lately"},
    "windows_over": {"maintenance_over"},
    "look_again": {"schedule_due"},
    "queue_shares": {"execution_pkey"},
    "raise_waiting": {"execution_ready", "execution_parked", "execution_pkey"},
    "look_again_of_jobs": {"schedule_of_job"},
    "tell_ended": {"job_pkey"},
    "closed_meanwhile": {"execution_closing"},
    "waiting_for_hours": {"execution_by_schedule"},
    "forget_workers": {"execution_owned"},
    "queue_is_busy": {"execution_by_state"},
    "take_room": {"quota_room_pkey"},
    "count_jobs": {"job_by_name"},
    "count_schedules": {"schedule_tenant_key"},
    "count_unfinished": {"execution_by_state"},
    "count_in_state": {"execution_by_state"},
    "count_usage": {"event_order", "attempt_of_execution", "execution_log_order", "execution_pkey"},
    "expire_executions": {"execution_recent"},
    "cancel_all": {"execution_pkey"},
    "skip_all": {"execution_pkey"},
    "ask_approval": {"execution_pkey"},
    "decide_approval": {"approval_waiting", "execution_pkey"},
    "withdraw_approvals": {"approval_waiting", "execution_pkey"},
    "tell_of_run": {"workflow_run_pkey"},
    "prune_approvals": {"approval_ended", "approval_pkey"},
    "take_operation": {"operation_to_step"},
    "next_operation": {"operation_to_step"},
    "select_by_state": {"execution_by_state"},
    "select_of_job": {"execution_by_job"},
    "skip_of_operation": {"execution_of_operation"},
    "count_of_operation": {"execution_of_operation"},
    "cuts_of_operation": {"execution_of_operation"},
    "runs_of_slots": {"execution_by_schedule", "execution_backfilled"},
    "replays_of": {"execution_replays"},
    "prune_operations": {"operation_ended", "operation_pkey"},
    "group_failures": {"execution_by_state", "job_pkey"},
    "watch": {"execution_pkey", "execution_log_order"},
    "timelines": {"execution_pkey", "attempt_of_execution", "event_pkey"},
    "lines_after": {"execution_log_order"},
    "expire_reservations": {"reservation_expiry", "reservation_pkey", "execution_pkey"},
    "holder_of_key": {"reservation_once", "execution_pkey"},
    "lock_key": {"reservation_once"},
    "take_key_over": {"reservation_pkey"},
    "settle": {"execution_by_schedule", "execution_pkey"},
    "schedules_waiting_for": {"schedule_awaited", "job_pkey"},
    "lock_counted_schedules": {"schedule_pkey"},
    "count_runs": {"schedule_pkey"},
    "reserve_event": {"reservation_once"},
    "first_event": {"reservation_once"},
    "calendars_named": {"calendar_name_once"},
    "hold_calendars": {"calendar_name_once"},
    "schedules_using": {"schedule_with_calendars"},
    "replan_users": {"schedule_with_calendars"},
    "rename_in_schedules": {"schedule_with_calendars"},
    "executions_there": {"execution_pkey"},
    "forget_events": {"received_event_age", "received_event_pkey"},
    "create": {"dependency_starting"},
    "lock_members": {"execution_of_run"},
    "supersede": {"execution_pkey"},
    "tell_again": {"execution_of_run"},
    "poke_gates": {"event_order", "execution_gated"},
    "lock_gated": {"execution_to_decide"},
    "gated_slot": {"execution_pkey"},
    "gates_of": {"dependency_gating", "execution_by_job"},
    "decide_later": {"execution_pkey"},
    "resume": {"execution_suspended"},
    "wake": {"execution_pkey"},
    "cancel_orphans": {"workflow_run_of_parent", "workflow_run_pkey", "execution_pkey"},
    "fill_payload": {"execution_pkey"},
    "ended_children": {"execution_of_run"},
    "count_children": {"execution_of_run"},
    "draw_below": {"workflow_run_pkey"},
    "prune_bookmarks": set(),
    "count_failures": {"job_pkey"},
    "forget_failures": {"job_pkey"},
    "expire": {"execution_expiring"},
    "runs_to_move": {"workflow_run_to_plan", "workflow_run_cancelling", "execution_to_tell", "execution_of_run"},
    "steps_of_run": {"execution_of_run"},
    "read_graph": {"dependency_starting", "job_pkey"},
    "name_step": {"execution_pkey"},
    "tell": {"execution_pkey"},
    "lock_waiting_steps": {"execution_of_run"},
    "upstream_results": {"execution_pkey", "workflow_run_pkey", "execution_of_run"},
    "prune_runs": {"workflow_run_ended", "workflow_run_pkey"},
}

#: Statements that read no table which grows, and what they do instead.
NOTHING_TO_FIND = {
    "lock_admission": "takes a lock",
    "hold_secret_names": "takes a lock",
    "clock": "reads the clock",
    "take_key": "inserts",
    "wait_briefly": "sets a limit",
    "hold_dependencies": "takes a lock",
    "open_recoveries": "inserts, one row a tenant",
    "renew_lease": "touches one of a few workers",
    "end_lease": "touches one of a few workers",
    "roll_windows": "touches the few that it is given",
    "pulse": "touches one of a few rows",
    "prune_resolutions": "looks at the few kinds of failure that somebody decided on, once an hour",
    "allow_minutes": "changes settings",
    "wait_in_line": "changes settings",
    "make_partition": "calls a function of the owner's",
    "drop_partitions": "calls a function of the owner's",
    "draw": "calls a function, which counts as count_unfinished does",
    "lock_quota": "takes a lock",
    "lock_calendars": "takes a lock",
    "let_calendars_be": "takes a lock",
    "note_room": "writes one row by its key",
    "kept_shorter": "looks at tenants once an hour",
    "readers_of_jobs": "looks at the locks that are held",
    "prune_buckets": "looks at the few buckets that are not full",
    "renaming_is_over": "changes a setting",
    "default_rows": "counts in partitions that are empty, or there is an alarm",
}


#: Rows as an installation has them: 200 tenants with 5,000 jobs and schedules, 32,000 executions, two thirds of them ended.
FILL = (
    """INSERT INTO tenant (id, slug, name, state, weight, allowed_hosts, created_at)
       SELECT gen_random_uuid(), 't' || n, 'T', 'active', 1, '[]', now() FROM generate_series(1, 200) n""",
    """INSERT INTO job (id, tenant_id, name, type, description, category, state, revision, payload, queue_id, priority,
           timeout_seconds, max_running, overlap, retry, owner, created_at, updated_at)
       SELECT gen_random_uuid(), id, 'job ' || n, 'dummy', '', '', 'active', 1, '{}', 'default', 5, 60, 3, 'queue_one', '{}', '',
           now(), now() FROM tenant, generate_series(1, 25) n""",
    """INSERT INTO job_revision (id, tenant_id, job_id, number, spec, created_at, created_by)
       SELECT gen_random_uuid(), tenant_id, id, 1, '{}', now(), '' FROM job""",
    """INSERT INTO schedule (id, tenant_id, job_id, kind, expression, timezone, dst_gap, dst_fold, misfire, misfire_max,
           misfire_grace_seconds, catch_up_window_seconds, state, problem, planned_until, created_at, updated_at)
       SELECT gen_random_uuid(), tenant_id, id, 'cron', '0 0 * * * *', 'UTC', 'run_after_gap', 'first', 'last', 1, 60,
           86400, 'active', '', now(), now(), now() FROM job""",
    "UPDATE schedule SET due_at = now() + random() * interval '1 hour'",
    """INSERT INTO calendar (id, tenant_id, name, description, kind, country, subdivision, dates, extends, weekend, days, digest,
           source, owner, created_at, updated_at)
       SELECT gen_random_uuid(), id, 'calendar ' || n, '', 'dates', '', '', '[]', '[]', '[5, 6]', '{}', n, '', '', now(), now()
       FROM tenant, generate_series(1, 50) n""",
    """UPDATE schedule SET calendars = '[{"calendar": "calendar 1"}]' WHERE id IN (SELECT id FROM schedule LIMIT 1000)""",
    """INSERT INTO execution (id, job_id, tenant_id, revision, trigger, triggered_by, state, reason, not_before, queue_id,
           priority, timeout_seconds, max_attempts, error_code, error_message, error_fingerprint, attempt, crashes, epoch,
           waiting_on, created_at, started_at, finished_at, worker_id, worker_pid, ripened_at, publish_again_at)
       SELECT carillon_child_id(carillon_floor_id(now()), state || n), j.id, j.tenant_id, 1,
           CASE WHEN n % 2 = 0 THEN 'schedule' ELSE 'manual' END, '', k.state, CASE WHEN k.state = 'skipped' THEN 'MISFIRE' ELSE '' END,
           now() + n * interval '1 second', 'default', n % 10, 60, 3, '', '', '', 1, 0, 1,
           CASE WHEN k.state = 'pending' AND n % 2 = 0 THEN 'job:' || j.id ELSE '' END, now(), now(),
           CASE WHEN k.state IN ('succeeded', 'failed', 'skipped') THEN now() END,
           CASE WHEN k.state = 'running' THEN gen_random_uuid() END, CASE WHEN k.state = 'running' THEN 1 END, now(),
           CASE WHEN k.state = 'queued' THEN now() END
       FROM (VALUES ('succeeded', 16000), ('failed', 2000), ('skipped', 1000), ('scheduled', 1000), ('pending', 12000),
           ('queued', 100), ('running', 100)) AS k(state, many), generate_series(1, many) n
       JOIN (SELECT id, tenant_id, row_number() OVER () AS place FROM job) j ON j.place = n % 5000 + 1""",
    """INSERT INTO maintenance_window (id, tenant_id, job_id, action, reason, expression, timezone, duration_seconds, opens_at,
           closes_at, last_opened_at, last_closed_at, ruled_at, created_by, created_at, updated_at)
       SELECT gen_random_uuid(), tenant_id, id, 'hold', 'nightly', '0 2 * * *', 'UTC', 3600, at, at + interval '1 hour',
           at - interval '1 day', at - interval '23 hours', now(), '', now(), now()
       FROM (SELECT id, tenant_id, now() + random() * interval '23 hours' AS at FROM job) j""",
    """INSERT INTO attempt (id, tenant_id, execution_id, number, epoch, state, worker_id, worker_pid, worker, started_at,
           error_code, error_message)
       SELECT carillon_child_id(id, '1'), tenant_id, id, 1, 1, 'succeeded', id, 1, 'w', now(), '', '' FROM execution LIMIT 5000""",
    """INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)
       SELECT carillon_child_id(id, '1:1'), tenant_id, id, 1, 1, 1, 1, '[["2026-01-01", "info", "stdout", "x"]]'
       FROM execution LIMIT 5000""",
    """INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
       SELECT carillon_child_id(id, 'event'), tenant_id, 'execution.' || state, job_id, id, '{}', now() FROM execution""",
    """INSERT INTO reservation (id, tenant_id, scope, key, fingerprint, expires_at)
       SELECT id, tenant_id, 'idempotency', id, '', now() + interval '1 day' FROM execution""",
    """INSERT INTO operation (id, tenant_id, kind, state, conditions, reason, rate_per_second, matched, matched_is_capped, done,
           failed, left_out, failures, next_step_at, waiting_on, ended_because, created_by, granted, request_id, created_at,
           finished_at)
       SELECT gen_random_uuid(), id, 'cancel', CASE WHEN n = 1 THEN 'running' ELSE 'succeeded' END, '{}', '', 50, 0, false, 0,
           0, '{}', '[]', now(), '', '', '', '[]', '', now(), CASE WHEN n > 1 THEN now() END
       FROM tenant, generate_series(1, 20) n""",
    """UPDATE execution e SET operation_id = o.id FROM operation o
       WHERE o.tenant_id = e.tenant_id AND o.state = 'running' AND e.state IN ('failed', 'skipped')""",
    """INSERT INTO quota_room (id, tenant_id, most, room, counted_at)
       SELECT gen_random_uuid(), id, 5000, 10, now() FROM tenant, generate_series(1, 3) n""",
    """INSERT INTO received_event (id, tenant_id, name, sender, dedup_key, outcome, problem, started, left_out, payload_size,
           request_id, received_at)
       SELECT gen_random_uuid(), id, 'a', '', '', 'unmatched', '', '[]', '[]', 2, '', now() - n * interval '1 hour'
       FROM tenant, generate_series(1, 20) n""",
    """INSERT INTO dependency (id, tenant_id, upstream_id, downstream_id, mode, trigger_rule, condition, gate_timeout_seconds,
           created_at, updated_at)
       SELECT gen_random_uuid(), tenant_id, id, after, 'start', 'all_success', '', 86400, now(), now()
       FROM (SELECT id, tenant_id, lead(id) OVER (PARTITION BY tenant_id ORDER BY id) AS after FROM job) j
       WHERE after IS NOT NULL""",
    """INSERT INTO workflow_run (id, tenant_id, root_job_id, root_execution_id, state, graph, due_at, reruns, triggered_by,
           created_at, finished_at, cancel_requested_at)
       SELECT carillon_child_id(id, 'run'), tenant_id, job_id, id, CASE WHEN n % 10 > 1 THEN 'succeeded' WHEN n % 10 = 1 THEN 'running'
           ELSE 'planned' END, '{}', now() + n * interval '1 minute', 0, '', now(), CASE WHEN n % 10 > 1 THEN now() END,
           CASE WHEN n % 100 = 1 THEN now() END
       FROM (SELECT *, row_number() OVER () AS n FROM execution WHERE state = 'succeeded') e""",
    """UPDATE execution e SET workflow_run_id = r.id, step = 'a', is_told = true FROM workflow_run r
       WHERE r.root_execution_id = e.id""",
    """INSERT INTO approval (id, tenant_id, job_id, execution_id, question, state, roles, members, api_keys, not_by_requester,
           requested_by, until, by_default, decided_by, reason, created_at, decided_at)
       SELECT carillon_child_id(id, 'approval'), tenant_id, job_id, id, '', CASE WHEN n % 100 = 0 THEN 'waiting' ELSE 'approved' END,
           '[]', '[]', '[]', false, '', now(), 'fail', '', '', now(), CASE WHEN n % 100 > 0 THEN now() - n * interval '1 hour' END
       FROM (SELECT *, row_number() OVER () AS n FROM execution WHERE state = 'succeeded') e""",
)


@pytest.fixture(scope="module", autouse=True)
def _many_rows() -> Iterator[None]:
    logins.empty()
    rows.worker()
    rows.change("SET session_replication_role = replica")  # as quick as can be, and no trigger at work
    for statement in FILL:
        rows.change(statement)
    rows.change("RESET session_replication_role")
    rows.change("ANALYZE")
    yield
    rows.change(
        "TRUNCATE tenant, job, job_revision, execution, attempt, execution_log, event, schedule, reservation, operation,"
        " received_event, maintenance_window, calendar, dependency, workflow_run, approval CASCADE"
    )
    rows.change("ANALYZE")


@pytest.fixture(scope="module")
def parents() -> dict[str, str]:
    """The parent's index of each partition's index."""
    return dict(rows.fetch("SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits"))


@pytest.fixture(scope="module")
def full(_many_rows: None) -> set[str]:
    """The tables that hold many rows: of the partitioned ones, this week's."""
    return {row[0] for row in rows.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > 1000")}


def test_every_statement_has_its_plan_expected():
    assert set(EXPECTED) | set(NOTHING_TO_FIND) == set(sql.statements())
    assert not set(EXPECTED) & set(NOTHING_TO_FIND)


@pytest.mark.parametrize("name", EXPECTED)
def test_statement_goes_by_its_indexes(name, parents, full):
    with statements.explaining("app" if name in statements.OF_THE_APP else "engine") as connection:
        nodes = statements.plan(connection, name)
    used = {parents.get(node["Index Name"], node["Index Name"]) for node in nodes if "Index Name" in node}
    assert used >= EXPECTED[name], statements.readable(nodes)
    assert not {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} & full, statements.readable(
        nodes
    )
