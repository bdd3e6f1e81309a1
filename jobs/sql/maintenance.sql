-- Maintenance windows: what the planner and the timer ask of them. What admission asks is in its own statements.

-- name: windows_near
-- Those that are open now or soon, and those that were, as far back as somebody has something to account for. None is open
-- for longer than 400 days: bounded on both sides, a plan made for all values expects few of them. A paused tag is a window
-- of each job that carries it, of those asked about; where its end is open, they are looked at again a day later.
SELECT id, tenant_id, queue_id, job_id, action, starts_at, ends_at, expression, timezone, duration_seconds, opens_at,
    closes_at, last_opened_at, last_closed_at, ruled_at, deleted_at, 'BLACKOUT' AS absence
FROM maintenance_window
WHERE (opens_at <= %(horizon)s AND opens_at > %(horizon)s::timestamptz - interval '400 days')
    OR (last_closed_at > %(since)s AND last_closed_at <= %(horizon)s)
UNION ALL
SELECT p.id, p.tenant_id, NULL, t.job_id, 'hold', p.paused_at, e.until, '', 'UTC', NULL, p.paused_at, e.until, NULL, NULL,
    p.paused_at, NULL, 'PAUSED_TAG'
FROM tag p JOIN job_tag t ON t.tenant_id = p.tenant_id AND t.tag = p.tag
CROSS JOIN LATERAL (SELECT coalesce(p.until, %(horizon)s::timestamptz + interval '1 day') AS until) e
WHERE p.paused_at IS NOT NULL AND p.paused_at <= %(horizon)s AND (p.until IS NULL OR p.until > %(since)s)
    AND p.paused_at < e.until AND t.job_id = ANY(%(jobs)s)

-- name: windows_over
-- Open no longer. What two engines meet is done by one.
SELECT id, starts_at, ends_at, expression, timezone, duration_seconds, opens_at, closes_at
FROM maintenance_window WHERE closes_at <= clock_timestamp() ORDER BY closes_at LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED

-- name: roll_windows
-- Each gets its next occurrence, if it has one. A job that was held is told of, so that admission wakes what is parked.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(id uuid, opens_at timestamptz, closes_at timestamptz)
), rolled AS (
    UPDATE maintenance_window w SET last_opened_at = w.opens_at, last_closed_at = w.closes_at,
        opens_at = g.opens_at, closes_at = g.closes_at
    FROM given g WHERE w.id = g.id RETURNING w.id, w.tenant_id, w.job_id, w.last_closed_at
)
INSERT INTO event (id, tenant_id, kind, job_id, data, created_at)
SELECT carillon_child_id(carillon_floor_id(clock_timestamp()), id || last_closed_at::text), tenant_id, 'maintenance.ended', job_id,
    '{}', clock_timestamp()
FROM rolled WHERE job_id IS NOT NULL

-- name: look_again
-- Schedules that were to be looked at when a window closes, now that it closes sooner.
UPDATE schedule s SET due_at = clock_timestamp() WHERE s.due_at = %(closes_at)s AND s.state = 'active'

-- name: look_again_of_jobs
-- Schedules that may have been put off until a tag's pause ends, now that it ends sooner, or is not their job's any more.
UPDATE schedule s SET due_at = clock_timestamp()
WHERE s.job_id = ANY(%(jobs)s) AND s.due_at > clock_timestamp() AND s.state = 'active'

-- name: closed_meanwhile
-- Still waiting although their execution window has closed. The states are spelled out so that the index applies.
SELECT e.id, e.schedule_id, e.scheduled_for FROM execution e
WHERE e.state IN ('pending', 'queued') AND e.state = 'pending' AND e.start_before <= statement_timestamp()
ORDER BY e.start_before LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED

-- name: waiting_for_hours
-- What waits of a schedule whose hours are changed. What is published may start; if not, it is found when they close.
SELECT e.id, e.schedule_id, e.scheduled_for FROM execution e
WHERE e.tenant_id = %(tenant_id)s AND e.schedule_id = %(schedule_id)s AND e.state IN ('scheduled', 'pending')
    AND e.epoch = 0 AND e.start_before IS NOT NULL
ORDER BY e.id FOR NO KEY UPDATE SKIP LOCKED

-- name: tell_ended
-- A job that was held by a window no longer is: admission wakes what is parked.
INSERT INTO event (id, tenant_id, kind, job_id, data, created_at)
SELECT carillon_child_id(carillon_floor_id(clock_timestamp()), id || gen_random_uuid()::text), tenant_id, 'maintenance.ended', id,
    '{}', clock_timestamp()
FROM job WHERE id = %(job_id)s
