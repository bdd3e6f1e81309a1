-- What a rerun writes of executions beside their state, which is in transitions.sql. The caller has locked the run.

-- name: lock_members
-- The executions that stand for the steps of a run, in the order of their ids. A suspended one has begun: it is told apart
-- from what waits for its upstreams.
SELECT id, step, CASE WHEN state = 'blocked' AND epoch > 0 THEN 'suspended' ELSE state END AS state, reason FROM execution
WHERE workflow_run_id = %(run)s AND NOT superseded ORDER BY id FOR NO KEY UPDATE

-- name: supersede
-- A rerun has taken their place: they say nothing of their steps any more.
UPDATE execution SET superseded = true, is_told = true WHERE id = ANY(%(ids)s::uuid[])

-- name: tell_again
-- Upstreams of what was inserted that are over: the run takes note of them once more, and so looks at what comes after.
UPDATE execution SET is_told = false
WHERE workflow_run_id = %(run)s AND step = ANY(%(steps)s::text[]) AND NOT superseded
    AND state IN ('succeeded', 'failed', 'cancelled', 'skipped')
RETURNING id
