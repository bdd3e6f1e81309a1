-- Rows as an installation has them after years. Tenants are skewed: the first of fifty has about a quarter of all.
-- %(first)s and %(last)s number what is added; a row's number says everything about it, so growing goes on where it stopped.

-- name: tenants
INSERT INTO tenant (id, slug, name, state, weight, allowed_hosts, created_at)
SELECT md5('tenant' || n)::uuid, 'scale-' || n, 'Scale ' || n, 'active', 1 + n %% 3, '[]', now()
FROM generate_series(%(first)s::int, %(last)s::int) n

-- name: jobs
-- Most have the default overlap policy; none has a cap of its own but those that `full` is about.
INSERT INTO job (id, tenant_id, name, type, description, category, state, revision, payload, queue_id, priority,
    timeout_seconds, max_running, overlap, retry, owner, created_at, updated_at)
SELECT md5('job' || n)::uuid, md5('tenant' || 1 + floor(%(tenants)s * power((n * 2654435761 %% 4294967296) / 4294967296.0, 3)))::uuid,
    'job ' || n, 'dummy', '', '', 'active', 1, '{}', 'default', n %% 10, 60, NULL,
    CASE WHEN n %% 4 = 0 THEN 'allow' ELSE 'queue_one' END, '{}', '', now(), now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n

-- name: revisions
INSERT INTO job_revision (id, tenant_id, job_id, number, spec, created_at, created_by)
SELECT gen_random_uuid(), tenant_id, id, 1, '{"type": "dummy", "payload": {}, "retry": {}}', now(), ''
FROM job WHERE id IN (SELECT md5('job' || n)::uuid FROM generate_series(%(first)s::bigint, %(last)s::bigint) n)

-- name: schedules
-- Four of each job, cron and interval, due over the next day and none of them now.
INSERT INTO schedule (id, tenant_id, job_id, kind, expression, interval_seconds, start_at, timezone, dst_gap, dst_fold, misfire, misfire_max,
    misfire_grace_seconds, catch_up_window_seconds, state, problem, planned_until, next_run_at, due_at, created_at, updated_at)
SELECT md5('schedule' || n)::uuid, j.tenant_id, j.id, CASE WHEN n %% 4 = 0 THEN 'interval' ELSE 'cron' END,
    CASE WHEN n %% 4 = 0 THEN '' ELSE n %% 60 || ' ' || n / 60 %% 60 || ' ' || n / 3600 %% 24 || ' * * *' END,
    CASE WHEN n %% 4 = 0 THEN 86400 END, CASE WHEN n %% 4 = 0 THEN now() END,
    CASE n %% 3 WHEN 0 THEN 'UTC' WHEN 1 THEN 'Europe/Berlin' ELSE 'America/New_York' END,
    'run_after_gap', 'first', 'last', 1, 60, 86400, 'active', '', now(), due.at, due.at, now(), now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
JOIN job j ON j.id = md5('job' || (n + 3) / 4)::uuid
CROSS JOIN LATERAL (SELECT now() + interval '1 hour' + random() * interval '1 day' AS at) due

-- name: pending
-- Due in the last hour, of jobs taken at random; what a full job has is parked.
INSERT INTO execution (id, job_id, tenant_id, revision, trigger, triggered_by, state, reason, not_before, queue_id, priority,
    timeout_seconds, max_attempts, error_code, error_message, error_fingerprint, attempt, crashes, epoch, waiting_on, created_at, ripened_at)
SELECT carillon_child_id(carillon_floor_id(w.at), 'pending' || n), j.id, j.tenant_id, 1, 'manual', '', 'pending', '', w.at,
    'default', j.priority, 60, 3, '', '', '', 1, 0, 0, CASE WHEN j.max_running = 1 THEN 'job:' || j.id ELSE '' END, w.at, w.at
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
JOIN job j ON j.id = md5('job' || 1 + n * 2654435761 %% 4294967296 %% %(jobs)s)::uuid
CROSS JOIN LATERAL (SELECT now() - n %% 3600 * interval '1 second' AS at) w

-- name: scheduled
-- What waits for its instant: slots planned ahead, retries, requests for later.
INSERT INTO execution (id, job_id, tenant_id, revision, trigger, triggered_by, state, reason, not_before, queue_id, priority,
    timeout_seconds, max_attempts, error_code, error_message, error_fingerprint, attempt, crashes, epoch, waiting_on, created_at)
SELECT carillon_child_id(carillon_floor_id(now()), 'scheduled' || n), j.id, j.tenant_id, 1, 'manual', '', 'scheduled', '',
    now() + interval '1 hour' + n * interval '1 second', 'default', j.priority, 60, 3, '', '', '', 1, 0, 0, '', now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
JOIN job j ON j.id = md5('job' || 1 + n * 2654435761 %% 4294967296 %% %(jobs)s)::uuid

-- name: full_jobs
UPDATE job SET max_running = 1
WHERE id IN (SELECT md5('job' || n)::uuid FROM generate_series(%(first)s::bigint, %(last)s::bigint) n)

-- name: full
-- Jobs at their cap of one: an execution that runs, and one more that waits for its end.
INSERT INTO execution (id, job_id, tenant_id, revision, trigger, triggered_by, state, reason, not_before, queue_id, priority,
    timeout_seconds, max_attempts, error_code, error_message, error_fingerprint, attempt, crashes, epoch, waiting_on, created_at,
    ripened_at, queued_at, started_at, worker_id, worker_pid)
SELECT carillon_child_id(carillon_floor_id(now()), s.state || n), j.id, j.tenant_id, 1, 'manual', '', s.state, '', now(), 'default',
    5, 60, 3, '', '', '', 1, 0, s.epoch, CASE WHEN s.epoch = 0 THEN 'job:' || j.id ELSE '' END, now(), now(),
    CASE WHEN s.epoch = 1 THEN now() END, CASE WHEN s.epoch = 1 THEN now() END,
    CASE WHEN s.epoch = 1 THEN %(worker)s::uuid END, CASE WHEN s.epoch = 1 THEN 1 END
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
JOIN job j ON j.id = md5('job' || n)::uuid
CROSS JOIN (VALUES ('running', 1), ('pending', 0)) AS s(state, epoch)

-- name: ended
-- One week's executions. The table is not a partition yet: its indexes are built when it becomes one. Most succeeded on a
-- slot in one queue; a few of everything else are among them, and fewer still of what is rare.
INSERT INTO {table} (id, job_id, tenant_id, schedule_id, revision, trigger, triggered_by, replay_of, state, reason, scheduled_for,
    not_before, queue_id, priority, timeout_seconds, max_attempts, error_code, error_message, error_fingerprint, attempt, crashes,
    epoch, waiting_on, created_at, ripened_at, queued_at, started_at, finished_at, worker_id)
SELECT carillon_child_id(carillon_floor_id(w.at), 'ended' || n), j.id, j.tenant_id,
    CASE WHEN k.trigger = 'schedule' THEN md5('schedule' || s.number)::uuid END, 1, k.trigger,
    CASE WHEN k.trigger = 'schedule' THEN '' WHEN n %% 9999 = 0 THEN 'user:maria@example.com' ELSE 'key:' || n %% 5 END,
    CASE WHEN k.trigger = 'replay' THEN md5('original' || n %% 300)::uuid END, k.state,
    CASE WHEN k.state <> 'skipped' THEN '' WHEN n %% 5 = 0 THEN 'MISFIRE' WHEN n %% 499 = 0 THEN 'DST_GAP' ELSE 'OVERLAP' END,
    CASE WHEN k.trigger = 'schedule' THEN w.at END, w.at,
    CASE WHEN n %% 4999 = 0 THEN 'rare' WHEN n %% 20 = 0 THEN 'io' ELSE 'default' END, j.priority, 60, 3,
    CASE WHEN k.state <> 'failed' THEN '' WHEN n %% 499 = 0 THEN 'WORKER_LOST' WHEN n %% 7 = 0 THEN 'TIMEOUT' ELSE 'EXECUTION_FAILED' END,
    CASE WHEN k.state <> 'failed' THEN '' WHEN n %% 499 = 0 THEN 'its worker ' || n || ' was lost' ELSE 'exit status ' || n %% 100 || repeat(' and more', 10) END,
    CASE WHEN k.state <> 'failed' THEN '' ELSE md5('fingerprint' || n %% 311) END, 1, 0, 1, '', w.at, w.at, w.at,
    w.at, w.at + interval '1 second' * (1 + n %% 60), md5('worker' || n %% 4 || %(week)s)::uuid
FROM generate_series(1, %(many)s::bigint) n
CROSS JOIN LATERAL (SELECT 1 + (n * 2654435761 + %(seed)s) %% 4294967296 %% %(schedules)s AS number) s
JOIN job j ON j.id = md5('job' || (s.number + 3) / 4)::uuid
CROSS JOIN LATERAL (SELECT %(week)s::timestamptz + (n - 1) * (interval '7 days' / %(many)s::float8) AS at) w
CROSS JOIN LATERAL (SELECT CASE WHEN n %% 50 = 0 THEN 'failed' WHEN n %% 97 = 0 THEN 'skipped' WHEN n %% 101 = 0 THEN 'cancelled'
    ELSE 'succeeded' END AS state, CASE WHEN n %% 3 > 0 THEN 'schedule' WHEN n %% 1009 = 0 THEN 'replay' ELSE 'manual' END AS trigger) k

-- name: variety
-- What jobs can be told apart by; done by the measurement of lists alone. One of nine hundred never succeeded.
UPDATE job SET type = CASE WHEN n.n %% 500 = 0 THEN 'sql' WHEN n.n %% 10 = 0 THEN 'http' ELSE 'dummy' END,
    category = 'category-' || n.n %% 7, owner = 'owner-' || n.n %% 300 || '@example.com',
    state = CASE WHEN n.n %% 200 = 0 THEN 'paused' WHEN n.n %% 900 = 0 THEN 'disabled' ELSE 'active' END,
    queue_id = CASE WHEN n.n %% 400 = 0 THEN 'rare' WHEN n.n %% 20 = 0 THEN 'io' ELSE 'default' END,
    updated_at = now() - n.n * interval '1 minute'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM job) n WHERE job.id = n.id

-- name: tags
INSERT INTO job_tag (id, tenant_id, job_id, tag)
SELECT gen_random_uuid(), j.tenant_id, j.id, t.tag
FROM (SELECT id, tenant_id, row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS n FROM job) j
CROSS JOIN LATERAL (VALUES ('everywhere'), ('tenth'), ('few')) t(tag)
WHERE t.tag = 'everywhere' OR t.tag = 'tenth' AND j.n %% 10 = 0 OR t.tag = 'few' AND j.n <= 5
ON CONFLICT DO NOTHING

-- name: dead_letters
INSERT INTO dead_letter (id, tenant_id, job_id, execution_id, error_code, error_message, error_fingerprint, state, closed_by, created_at)
SELECT carillon_child_id(id, 'dead'), tenant_id, job_id, id, error_code, error_message, error_fingerprint,
    CASE WHEN row_number() OVER () %% 50 = 0 THEN 'open' ELSE 'discarded' END, '', finished_at
FROM execution WHERE state = 'failed' ON CONFLICT DO NOTHING

-- name: idle_schedules
UPDATE schedule SET state = CASE WHEN n.n %% 1000 = 0 THEN 'invalid' ELSE 'paused' END, due_at = NULL
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM schedule) n WHERE schedule.id = n.id AND n.n %% 100 = 0

-- name: never
-- A job of each tenant that only ever failed.
UPDATE execution SET state = 'failed', error_code = 'EXECUTION_FAILED' WHERE state = 'succeeded' AND job_id IN (
    SELECT DISTINCT ON (tenant_id) id FROM job ORDER BY tenant_id, id)

-- name: attempts
INSERT INTO attempt (id, tenant_id, execution_id, number, epoch, state, worker_id, worker_pid, worker, queued_at, started_at,
    finished_at, error_code, error_message)
SELECT carillon_child_id(id, '1'), tenant_id, id, 1, 1, 'succeeded', %(worker)s, 1, 'worker@scale', queued_at, started_at, finished_at, '', ''
FROM {table} WHERE (created_at - %(week)s) < interval '7 days' * %(share)s

-- name: events
INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
SELECT carillon_child_id(id, state), tenant_id, 'execution.' || state, job_id, id, '{"attempt": 1}', finished_at
FROM {table} WHERE (created_at - %(week)s) < interval '7 days' * %(share)s

-- name: logs
INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)
SELECT carillon_child_id(id, '1:1'), tenant_id, id, 1, 1, 1, 1, '[["2026-01-01T00:00:00+00:00", "info", "stdout", "hello"]]'
FROM {table} WHERE (created_at - %(week)s) < interval '7 days' * %(share)s
