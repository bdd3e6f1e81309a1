-- What the planner locks and advances.

-- name: lock_due_schedules
-- SKIP LOCKED inside a materialised CTE: as a plain sub-select with LIMIT the planner may rescan it
-- and lock far more rows than the limit. NO KEY UPDATE leaves inserts that refer to the row alone.
WITH due AS MATERIALIZED (
    SELECT id FROM schedule WHERE due_at <= %(horizon)s ORDER BY due_at LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT s.id, s.tenant_id, s.job_id, s.kind, s.expression, s.interval_seconds, s.run_at, s.timezone, s.start_at, s.end_at,
    s.dst_gap, s.dst_fold, s.misfire, s.misfire_max, s.misfire_grace_seconds, s.catch_up_window_seconds, s.payload,
    s.planned_until, j.revision, j.queue_id, j.priority, j.timeout_seconds, j.retry
FROM due JOIN schedule s USING (id) JOIN job j ON j.id = s.job_id

-- name: advance_schedules
UPDATE schedule s SET planned_until = r.planned_until, next_run_at = r.next_run_at, due_at = r.next_run_at,
    state = r.state, problem = r.problem
FROM jsonb_to_recordset(%(rows)s) AS r(id uuid, planned_until timestamptz, next_run_at timestamptz, state text, problem text)
WHERE s.id = r.id
