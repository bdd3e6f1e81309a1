-- What the planner locks and advances.

-- name: lock_due_schedules
-- SKIP LOCKED inside a materialised CTE: as a plain sub-select with LIMIT the planner may rescan it
-- and lock far more rows than the limit. NO KEY UPDATE leaves inserts that refer to the row alone. The
-- CTE returns the row as it is once locked. A plan made for all values takes a limit for a tenth of the
-- table; the LIMIT 1 says that each schedule costs one look at its job, whatever the tables hold.
WITH due AS MATERIALIZED (
    SELECT id, tenant_id, job_id, kind, expression, interval_seconds, run_at, rrule, rule, event, timezone, start_at, end_at,
        dst_gap, dst_fold, calendars, execution_window, jitter_seconds, max_runs, runs,
        misfire, misfire_max, misfire_grace_seconds, catch_up_window_seconds, payload, planned_until, moved_until, holds,
        state
    FROM schedule WHERE due_at <= %(horizon)s AND (%(only)s::uuid IS NULL OR id = %(only)s) ORDER BY due_at LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT due.*, j.overlap, coalesce(carillon_why_held(due.state, j.state, t.state), '') AS held, j.revision, j.queue_id, j.priority, j.timeout_seconds, j.retry, j.concurrency_key,
    CASE WHEN strpos(j.concurrency_key, '{') > 0 THEN j.payload END AS job_payload, t.max_unfinished
FROM due
CROSS JOIN LATERAL (SELECT * FROM job WHERE job.id = due.job_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT state, max_unfinished FROM tenant WHERE tenant.id = due.tenant_id LIMIT 1) t

-- name: advance_schedules
-- Holds that have been planned past are of no use any more; one that its schedule was made or resumed beside, each
-- transaction without seeing the other, begins here. ANY(ARRAY(…)): see admit.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(
        id uuid, planned_until timestamptz, next_run_at timestamptz, due_at timestamptz, state text, problem text, held text,
        ran int)
)
UPDATE schedule s SET planned_until = g.planned_until, next_run_at = g.next_run_at, due_at = g.due_at,
    state = g.state, problem = g.problem, runs = s.runs + g.ran,
    holds = CASE WHEN s.holds = '[]' AND g.held = '' THEN s.holds ELSE carillon_held((
        SELECT coalesce(jsonb_agg(h.hold ORDER BY h.place), '[]')
        FROM jsonb_array_elements(s.holds) WITH ORDINALITY AS h(hold, place)
        WHERE h.hold ->> 1 IS NULL OR (h.hold ->> 1)::timestamptz > g.planned_until
    ), nullif(g.held, ''), clock_timestamp()) END
FROM given g WHERE s.id = g.id AND s.id = ANY(ARRAY(SELECT id FROM given))

-- name: return_runs
-- Runs that were planned and left out when they were due do not count: a schedule that ended with its last one goes on.
-- In the order of ids, as the planner's locks are held for moments only.
WITH given AS MATERIALIZED (
    SELECT id, count(*) AS many FROM unnest(%(schedules)s::uuid[]) AS t(id) GROUP BY id
), counted AS MATERIALIZED (
    SELECT s.id, g.many FROM (SELECT * FROM given ORDER BY id) g CROSS JOIN LATERAL (
        SELECT id FROM schedule WHERE schedule.id = g.id AND max_runs IS NOT NULL LIMIT 1 FOR NO KEY UPDATE) s
)
UPDATE schedule s SET runs = greatest(s.runs - c.many, 0), state = CASE WHEN s.state = 'ended' THEN 'active' ELSE s.state END
FROM counted c WHERE s.id = c.id AND s.id = ANY(ARRAY(SELECT id FROM counted))
