-- Workflow runs: which are to be looked at, what their graph is, and how their steps stand. All steps of a run carry its
-- milliseconds (jobs.rules.identity), so they lie in one partition: `low` and `high` bound it.

-- name: runs_to_move
-- Runs whose root is due, in which something has ended that they have not taken note of, or that are to be cancelled and
-- have not said so to all their steps. Each by a partial index that holds no more than those. What is untold is bounded
-- before it is put together: a run may have a thousand.
SELECT id FROM (
    (SELECT w.id FROM workflow_run w WHERE w.state = 'planned' AND w.due_at <= statement_timestamp()
        ORDER BY w.due_at LIMIT %(limit)s)
    UNION
    (SELECT workflow_run_id FROM (
        SELECT workflow_run_id FROM execution
        WHERE workflow_run_id IS NOT NULL AND NOT is_told AND state IN ('succeeded', 'failed', 'cancelled', 'skipped')
        ORDER BY workflow_run_id LIMIT %(most)s) untold)
    UNION
    (SELECT w.id FROM workflow_run w WHERE w.cancel_requested_at IS NOT NULL AND w.finished_at IS NULL AND EXISTS (
        SELECT 1 FROM execution e WHERE e.workflow_run_id = w.id
            AND (e.state IN ('scheduled', 'blocked', 'pending', 'queued')
                OR e.state = 'running' AND e.cancel_requested_at IS NULL)) LIMIT %(limit)s)
) found ORDER BY id LIMIT %(limit)s

-- name: steps_of_run
-- How its steps stand: of each the execution that stands for it, and those that were superseded and have ended untold.
SELECT id, step, state, reason, superseded, is_told, epoch > 0 AS began, cancel_requested_at IS NOT NULL AS cancelling,
    state = 'blocked' AND (decide_at IS NOT NULL OR reason <> '' OR epoch > 0) AS waits_for_more
FROM execution
WHERE workflow_run_id = %(run)s AND id BETWEEN %(low)s AND %(high)s AND (NOT superseded OR NOT is_told)

-- name: read_graph
-- The jobs that are reached from a root by `start` edges, each with its edges from upstreams within the reach, as one
-- snapshot shows them; deleted ones end the way. LIMIT 1 and
-- OFFSET 0: see lock_due_schedules.
WITH RECURSIVE reach AS (
    SELECT %(root)s::uuid AS id
    UNION
    SELECT j.id FROM reach r
    CROSS JOIN LATERAL (SELECT downstream_id FROM dependency d WHERE d.upstream_id = r.id AND d.mode = 'start') d
    CROSS JOIN LATERAL (SELECT k.id FROM job k WHERE k.id = d.downstream_id AND k.state <> 'deleted' LIMIT 1) j
), edges AS (
    SELECT d.downstream_id, jsonb_agg(jsonb_build_object(
        'upstream', d.upstream_id, 'rule', d.trigger_rule, 'condition', d.condition) ORDER BY d.id) AS upstreams
    FROM reach r CROSS JOIN LATERAL (
        SELECT id, upstream_id, downstream_id, trigger_rule, condition FROM dependency
        WHERE upstream_id = r.id AND mode = 'start' OFFSET 0) d
    WHERE d.downstream_id IN (SELECT id FROM reach) AND d.downstream_id <> %(root)s
    GROUP BY d.downstream_id
)
SELECT j.*, coalesce(e.upstreams, '[]') AS upstreams
FROM reach r
CROSS JOIN LATERAL (
    SELECT id, name, state, revision, queue_id, priority, timeout_seconds, retry, concurrency_key,
        CASE WHEN strpos(concurrency_key, '{') > 0 THEN payload END AS payload
    FROM job WHERE job.id = r.id LIMIT 1) j
LEFT JOIN edges e ON e.downstream_id = r.id
ORDER BY j.id

-- name: name_step
-- The root's job was renamed after it was made: its step is called as in the graph.
UPDATE execution SET step = %(step)s WHERE id = %(id)s

-- name: tell
-- The run has taken note that these have ended. In the order of their ids, as everybody locks them.
WITH held AS MATERIALIZED (
    SELECT id FROM execution WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE execution SET is_told = true WHERE id = ANY(ARRAY(SELECT id FROM held))

-- name: lock_waiting_steps
-- What of a run has not ended, for somebody who ends it.
SELECT id FROM execution
WHERE workflow_run_id = %(run)s AND id BETWEEN %(low)s AND %(high)s
    AND state IN ('scheduled', 'blocked', 'pending', 'queued', 'running')
ORDER BY id FOR NO KEY UPDATE

-- name: upstream_results
-- What the steps directly before a step have come to. Results beyond `most` characters of JSON, taken together, are left out.
SELECT u.step, e.id, e.state, e.reason, CASE WHEN sum(e.size) OVER (ORDER BY u.place) <= %(most)s THEN e.result END AS result,
    sum(e.size) OVER (ORDER BY u.place) > %(most)s AS is_too_much
FROM execution me
JOIN workflow_run r ON r.id = me.workflow_run_id
CROSS JOIN LATERAL (
    SELECT edge ->> 'step' AS step, place
    FROM jsonb_array_elements(r.graph -> 'steps' -> me.step -> 'upstreams') WITH ORDINALITY AS t(edge, place)) u
CROSS JOIN LATERAL (
    SELECT id, state, reason, result, octet_length(result::text) AS size FROM execution o
    WHERE o.workflow_run_id = me.workflow_run_id AND o.step = u.step AND NOT o.superseded
        AND o.id BETWEEN %(low)s AND %(high)s LIMIT 1) e
WHERE me.id = %(id)s
ORDER BY u.place

-- name: tell_of_run
-- An event for each time that it starts, and that it ends: once for each time it goes on, whoever else is told.
INSERT INTO event (id, tenant_id, kind, job_id, data, created_at)
SELECT carillon_child_id(id, %(word)s::text || ':' || reruns), tenant_id, 'workflow_run.' || %(word)s::text, root_job_id,
    jsonb_build_object('workflow_run', id, 'root_execution', root_execution_id, 'reruns', reruns), clock_timestamp()
FROM workflow_run WHERE id = %(run)s
ON CONFLICT DO NOTHING

-- name: prune_runs
-- Ended as long ago as executions are kept: of one tenant, or of all.
DELETE FROM workflow_run WHERE id = ANY(ARRAY(
    SELECT id FROM workflow_run
    WHERE finished_at < clock_timestamp() - %(age)s AND (%(tenant_id)s::uuid IS NULL OR tenant_id = %(tenant_id)s)
    ORDER BY finished_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))

-- name: wait_briefly
-- For the rest of this transaction: who holds a row of a run may take their time, and other runs are waiting.
SELECT set_config('lock_timeout', '200ms', true)
