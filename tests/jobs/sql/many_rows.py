"""Many rows of each table that grows, so that it shows which way a statement finds its own."""

from __future__ import annotations

from tests.jobs.sql import plans_of_artifacts

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
    """INSERT INTO channel_message (id, tenant_id, job_id, execution_id, channel, ended, state, tries, next_at, problem, created_at)
       SELECT carillon_child_id(id, 'channel'), tenant_id, job_id, id, 'a', 'failed', CASE WHEN n % 100 = 0 THEN 'waiting' ELSE 'sent' END,
           0, now() + n * interval '1 second', '', now() - n * interval '1 hour'
       FROM (SELECT *, row_number() OVER () AS n FROM execution WHERE state = 'succeeded') e""",
    *plans_of_artifacts.FILL,
)
#: The tables that hold them; with these go those that refer to them.
TABLES = (
    "tenant",
    "job",
    "job_revision",
    "execution",
    "attempt",
    "execution_log",
    "event",
    "schedule",
    "reservation",
    "operation",
    "received_event",
    "maintenance_window",
    "calendar",
    "dependency",
    "workflow_run",
    "approval",
    "channel_message",
    *plans_of_artifacts.TABLES,
)
