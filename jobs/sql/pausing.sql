-- Jobs that pause by themselves: counted at the end of their executions, in its transaction.

-- name: count_failures
-- One more execution of each has failed. The lock makes finishes of one job follow each other, so none is counted twice or
-- missed; who reaches the limit of an active job pauses it. Back come those.
WITH failed AS MATERIALIZED (
    SELECT id, count(*)::int AS times FROM unnest(%(ids)s::uuid[]) AS given(id) GROUP BY id
), held AS MATERIALIZED (
    SELECT j.id, j.state, j.failed_in_a_row + f.times AS failures,
        j.state = 'active' AND j.failed_in_a_row + f.times >= j.pause_after_failures AS is_over
    FROM job j JOIN failed f ON f.id = j.id WHERE j.pause_after_failures IS NOT NULL
    ORDER BY j.id FOR NO KEY UPDATE OF j
), counted AS (
    UPDATE job j SET failed_in_a_row = h.failures,
        state = CASE WHEN h.is_over THEN 'paused' ELSE j.state END,
        failures_at_pause = CASE WHEN h.is_over THEN h.failures ELSE j.failures_at_pause END,
        updated_at = CASE WHEN h.is_over THEN clock_timestamp() ELSE j.updated_at END
    FROM held h WHERE j.id = h.id
    RETURNING j.id, j.tenant_id, h.failures, h.is_over
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, data, created_at)
    SELECT carillon_child_id(carillon_floor_id(clock_timestamp()), id || gen_random_uuid()::text), tenant_id, 'job.paused', id,
        jsonb_build_object('failures', failures), clock_timestamp()
    FROM counted WHERE is_over
)
SELECT id, tenant_id, failures FROM counted WHERE is_over

-- name: forget_failures
-- An execution of each has succeeded.
WITH held AS MATERIALIZED (
    SELECT id FROM job WHERE id = ANY(%(ids)s) AND failed_in_a_row > 0 ORDER BY id FOR NO KEY UPDATE
)
UPDATE job j SET failed_in_a_row = 0 FROM held h WHERE j.id = h.id
