-- What long work over many executions reads: the operation whose turn it is, and the executions it comes to next.

-- name: take_operation
-- The operation that has waited longest for its next step. Engines share them: one that another engine is at is
-- passed over, and held until its step commits. Those of suspended tenants wait; kinds that this process does not
-- know, as during a deploy, are left to one that does.
SELECT o.id, clock_timestamp() AS now FROM operation o
CROSS JOIN LATERAL (SELECT state FROM tenant WHERE tenant.id = o.tenant_id LIMIT 1) t
WHERE o.state = 'running' AND o.next_step_at <= statement_timestamp() AND o.kind = ANY(%(kinds)s) AND t.state = 'active'
ORDER BY o.next_step_at LIMIT 1 FOR NO KEY UPDATE OF o SKIP LOCKED

-- name: next_operation
-- When the next step of any is due.
SELECT clock_timestamp() AS now, o.next_step_at AS due_at FROM operation o
CROSS JOIN LATERAL (SELECT state FROM tenant WHERE tenant.id = o.tenant_id LIMIT 1) t
WHERE o.state = 'running' AND o.kind = ANY(%(kinds)s) AND t.state = 'active' ORDER BY o.next_step_at LIMIT 1

-- name: select_by_state
-- A tenant's next executions in any of some states, in the order of their ids. One statement and so one snapshot: a row
-- that goes from one of these states to another meanwhile is not passed over. Each state is a range of one index,
-- so that the cost follows the page and not what is stored.
SELECT w.id FROM unnest(%(states)s::text[]) AS s(state)
CROSS JOIN LATERAL (
    SELECT e.id FROM execution e
    WHERE e.tenant_id = %(tenant_id)s AND e.state = s.state AND e.id > %(after)s AND e.id < %(before)s
    ORDER BY e.id LIMIT %(size)s
) w
ORDER BY w.id LIMIT %(size)s

-- name: select_of_job
-- The same of one job, in whatever state.
SELECT e.id FROM execution e
WHERE e.tenant_id = %(tenant_id)s AND e.job_id = %(job_id)s AND e.id > %(after)s AND e.id < %(before)s
ORDER BY e.id LIMIT %(size)s

-- name: prune_operations
-- Kept as long as executions are.
DELETE FROM operation WHERE id = ANY(ARRAY(
    SELECT id FROM operation WHERE finished_at < clock_timestamp() - %(age)s ORDER BY finished_at LIMIT %(limit)s))

-- name: unfinished_of_operation
-- How many of the executions that it made have not ended, and how those ended that did not succeed: ranges of one
-- index, that of what has not ended bounded by how far ahead they are made.
SELECT count(*) FILTER (WHERE state IN ('scheduled', 'blocked', 'pending', 'queued', 'running')) AS unfinished,
    count(*) FILTER (WHERE state = 'failed') AS failed, count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE state = 'skipped') AS skipped
FROM execution
WHERE operation_id = %(operation_id)s AND id >= %(low)s AND id < %(high)s
    AND state IN ('scheduled', 'blocked', 'pending', 'queued', 'running', 'failed', 'cancelled', 'skipped')

-- name: runs_of_slots
-- What was made for each of some slots of a schedule, skipped rows aside: by the schedule itself, whose ids begin with the
-- slot, and by backfills. A look per slot and partition, whatever else is stored of the schedule.
SELECT s.at, e.id, e.state, e.started_at IS NOT NULL AS started, e.created_at AS made_at
FROM unnest(%(slots)s::timestamptz[], %(lows)s::uuid[], %(highs)s::uuid[]) AS s(at, low, high)
CROSS JOIN LATERAL (
    SELECT id, state, started_at, created_at FROM execution
    WHERE tenant_id = %(tenant_id)s AND schedule_id = %(schedule_id)s AND id >= s.low AND id < s.high
        AND trigger = 'schedule' AND scheduled_for = s.at AND state <> 'skipped'
) e
UNION ALL
SELECT scheduled_for, id, state, started_at IS NOT NULL, created_at FROM execution
WHERE tenant_id = %(tenant_id)s AND schedule_id = %(schedule_id)s AND trigger = 'backfill'
    AND scheduled_for = ANY(%(slots)s) AND state <> 'skipped'

-- name: replays_of
-- What some executions were replayed as, and those in turn, with the one that each goes back to.
WITH RECURSIVE again AS (
    SELECT f.id AS root, r.id, r.state, r.started_at, r.created_at, 1 AS depth
    FROM unnest(%(ids)s::uuid[]) AS f(id)
    CROSS JOIN LATERAL (
        SELECT id, state, started_at, created_at FROM execution
        WHERE tenant_id = %(tenant_id)s AND replay_of = f.id AND id > f.id) r
    UNION ALL
    SELECT a.root, r.id, r.state, r.started_at, r.created_at, a.depth + 1
    FROM again a CROSS JOIN LATERAL (
        SELECT id, state, started_at, created_at FROM execution
        WHERE tenant_id = %(tenant_id)s AND replay_of = a.id AND id > a.id) r
    WHERE a.depth < 20
)
SELECT root, state, started_at IS NOT NULL AS started, created_at AS made_at FROM again
