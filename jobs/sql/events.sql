-- Events that come in, and the schedules that wait for them.

-- name: schedules_waiting_for
-- By the index of what schedules wait for: what others are stored costs nothing. The LIMIT 1 says that each costs one look
-- at its job.
SELECT s.id, s.tenant_id, s.job_id, s.event_filter, s.debounce_seconds, s.start_at, s.end_at, s.max_runs, s.runs, s.payload, s.state,
    j.name AS job, j.state AS job_state, j.revision, j.queue_id, j.priority, j.timeout_seconds, j.retry, j.concurrency_key,
    CASE WHEN strpos(j.concurrency_key, '{') > 0 THEN j.payload END AS job_payload
FROM schedule s CROSS JOIN LATERAL (SELECT * FROM job WHERE job.id = s.job_id LIMIT 1) j
WHERE s.tenant_id = %(tenant_id)s AND s.event <> '' AND s.event = ANY(%(names)s) AND s.state <> 'deleted' AND j.state <> 'deleted'
ORDER BY s.id LIMIT %(limit)s

-- name: wait_in_line
-- Events come in bursts, and those of one schedule pass one by one: each waits longer than the log-in's own limit.
SELECT set_config('lock_timeout', %(wait)s, true) AS lock_timeout, set_config('statement_timeout', %(longer)s, true) AS statement_timeout

-- name: lock_counted_schedules
-- Those that let no two events pass at once: the run that waits is to be found, or runs are counted. In one order, so that
-- no two events wait for each other; read again, since another may have taken the last run meanwhile.
SELECT id, state, runs FROM schedule WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE

-- name: count_runs
-- One that has had its last run has ended.
UPDATE schedule s SET runs = s.runs + 1, state = CASE WHEN s.runs + 1 >= s.max_runs THEN 'ended' ELSE s.state END
WHERE s.id = ANY(%(ids)s) AND s.max_runs IS NOT NULL

-- name: reserve_event
-- No row back: another event with this key was first. Whoever comes at the same moment waits here for its end.
WITH expired AS (
    DELETE FROM reservation WHERE tenant_id = %(tenant_id)s AND scope = 'event' AND actor = %(of)s AND key = %(key)s
        AND expires_at <= clock_timestamp()
    RETURNING id
)
INSERT INTO reservation (id, tenant_id, scope, actor, key, fingerprint, expires_at)
SELECT %(id)s, %(tenant_id)s, 'event', %(of)s, %(key)s, '', clock_timestamp() + %(window)s
WHERE (SELECT count(*) FROM expired) >= 0
ON CONFLICT DO NOTHING RETURNING id

-- name: first_event
SELECT id FROM reservation WHERE tenant_id = %(tenant_id)s AND scope = 'event' AND actor = %(of)s AND key = %(key)s

-- name: forget_events
DELETE FROM received_event WHERE id = ANY(ARRAY(
    SELECT id FROM received_event WHERE received_at < clock_timestamp() - %(age)s ORDER BY received_at LIMIT %(limit)s))
RETURNING id
