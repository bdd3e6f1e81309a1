-- The children of executions: workflow runs that have a parent. What moves them is in workflows.sql.

-- name: cancel_orphans
-- Children of an execution that has ended, or is not kept any more, are not wanted: they are cancelled, and their run says so
-- to all of them (`runs_to_move`). Runs with a parent and without an end are few.
UPDATE workflow_run SET cancel_requested_at = clock_timestamp() WHERE id = ANY(ARRAY(
    SELECT w.id FROM workflow_run w
    WHERE w.parent_execution_id IS NOT NULL AND w.finished_at IS NULL AND w.cancel_requested_at IS NULL
        AND (SELECT e.finished_at IS NULL FROM execution e WHERE e.id = w.parent_execution_id LIMIT 1) IS NOT TRUE
    ORDER BY w.parent_execution_id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED)) RETURNING id

-- name: draw_below
-- So many more below a run's parent, if there is room. No row says that there is none.
UPDATE workflow_run SET graph = jsonb_set(graph, '{below}', to_jsonb(coalesce((graph ->> 'below')::int, 0) + %(wanted)s::int))
WHERE id = %(top)s AND coalesce((graph ->> 'below')::int, 0) + %(wanted)s::int <= %(most)s RETURNING id

-- name: fill_payload
-- The overrides of a child that starts, which read what the steps before it have left.
UPDATE execution SET payload = %(payload)s, concurrency_key = %(concurrency_key)s WHERE id = %(id)s AND state = 'blocked'

-- name: ended_children
-- How they ended, in the order of their steps; results beyond `most` characters of JSON, taken together, are left out.
SELECT step, state, reason, error_code, left(error_message, 300) AS error_message,
    CASE WHEN total <= %(most)s THEN result END AS result, total > %(most)s AND result IS NOT NULL AS omitted
FROM (
    SELECT step, state, reason, error_code, error_message, result,
        sum(coalesce(octet_length(result::text), 0)) OVER (ORDER BY step COLLATE "C") AS total
    FROM execution WHERE workflow_run_id = %(run)s AND id BETWEEN %(low)s AND %(high)s AND NOT superseded
) each ORDER BY step COLLATE "C"

-- name: count_children
SELECT count(*) AS total, count(*) FILTER (WHERE finished_at IS NULL) AS unfinished
FROM execution WHERE workflow_run_id = %(run)s AND id BETWEEN %(low)s AND %(high)s AND NOT superseded
