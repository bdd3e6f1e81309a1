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
