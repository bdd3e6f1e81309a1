-- What long work over many executions reads: the operation whose turn it is, and the executions it comes to next.

-- name: take_operation
-- The operation that has waited longest for its next step. Engines share them: one that another engine is at is
-- passed over, and held until its step commits. Those of suspended tenants wait; kinds that this process does not
-- know, as during a deploy, are left to one that does.
SELECT o.id, clock_timestamp() AS now FROM operation o
CROSS JOIN LATERAL (SELECT state FROM tenant WHERE tenant.id = o.tenant_id LIMIT 1) t
WHERE (o.state = 'running' OR o.clearing) AND o.next_step_at <= statement_timestamp() AND o.kind = ANY(%(kinds)s) AND t.state = 'active'
ORDER BY o.next_step_at LIMIT 1 FOR NO KEY UPDATE OF o SKIP LOCKED

-- name: next_operation
-- When the next step of any is due.
SELECT clock_timestamp() AS now, o.next_step_at AS due_at FROM operation o
CROSS JOIN LATERAL (SELECT state FROM tenant WHERE tenant.id = o.tenant_id LIMIT 1) t
WHERE (o.state = 'running' OR o.clearing) AND o.kind = ANY(%(kinds)s) AND t.state = 'active' ORDER BY o.next_step_at LIMIT 1

-- name: open_recoveries
-- The one recovery that each of some tenants has open, made where there is none: whoever comes second adds to it, and to
-- a new one if it has ended meanwhile. Tenants come in one order, or two planners could each wait for the other.
INSERT INTO operation (id, tenant_id, kind, state, conditions, reason, rate_per_second, max_active, matched,
    matched_is_capped, done, failed, left_out, failures, next_step_at, waiting_on, ended_because, created_by, granted,
    request_id, created_at)
SELECT r.id, r.tenant_id, %(kind)s, 'running', '{}', %(reason)s, %(rate)s, %(max_active)s, r.matched,
    false, 0, 0, '{}', '[]', clock_timestamp(), '', '', %(created_by)s, '[]', '', clock_timestamp()
FROM jsonb_to_recordset(%(rows)s) AS r(id uuid, tenant_id uuid, matched int) ORDER BY r.tenant_id
ON CONFLICT (tenant_id) WHERE kind = 'recovery' AND finished_at IS NULL
    DO UPDATE SET matched = operation.matched + excluded.matched
RETURNING id, tenant_id, matched

-- name: count_of_operation
-- How many of what keeps to an operation's pace are in each of some states: ranges of one index, in the partitions of some
-- ids. Who knows how many there are in all leaves out those that succeeded, which become ever more.
SELECT state, reason, trigger = 'dependency' AS is_step, count(*) AS total FROM execution
WHERE operation_id = %(operation_id)s AND state = ANY(%(states)s) AND id >= %(low)s AND id < %(high)s
GROUP BY state, reason, is_step

-- name: cuts_of_operation
-- Of each schedule that has more than so many executions in an operation: before which slot the others lie.
SELECT schedule_id, (array_agg(scheduled_for ORDER BY scheduled_for DESC))[%(keep)s] AS cut FROM execution
WHERE operation_id = %(operation_id)s AND trigger <> 'dependency' AND scheduled_for IS NOT NULL GROUP BY schedule_id HAVING count(*) > %(keep)s

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
    SELECT id FROM operation WHERE finished_at < clock_timestamp() - %(age)s AND NOT clearing ORDER BY finished_at LIMIT %(limit)s))

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
