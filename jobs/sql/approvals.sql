-- Decisions that executions wait for: asked for once, decided once, whoever comes at the same moment.

-- name: ask_approval
-- Of an execution, one for each: who asks again, as after a crash, meets the first. Its id is of when it was asked, which may be long
-- after its execution was made: lists are in the order of ids.
WITH made AS (
    INSERT INTO approval (id, tenant_id, job_id, execution_id, question, state, roles, members, api_keys, not_by_requester,
        requested_by, until, by_default, decided_by, reason, created_at)
    SELECT carillon_child_id(carillon_floor_id(clock_timestamp()), e.id || 'approval'), e.tenant_id, e.job_id, e.id, %(question)s, 'waiting', %(roles)s, %(members)s,
        %(api_keys)s, %(not_by_requester)s, e.triggered_by, clock_timestamp() + %(limit)s, %(by_default)s, '', '', clock_timestamp()
    FROM execution e WHERE e.id = %(execution_id)s
    ON CONFLICT (execution_id) DO NOTHING
    RETURNING id, tenant_id, job_id, execution_id, until
)
INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
SELECT carillon_child_id(execution_id, 'approval.asked'), tenant_id, 'approval.asked', job_id, execution_id,
    jsonb_build_object('approval', id, 'until', until), clock_timestamp()
FROM made

-- name: decide_approval
-- One of those who decide at once wins: no row is a lost race. People decide until its time is over, the clock from then on. What
-- has ended otherwise meanwhile waits for no decision.
WITH decided AS (
    UPDATE approval a SET state = %(state)s, decided_by = %(by)s, reason = %(reason)s, decided_at = clock_timestamp()
    WHERE a.id = %(id)s AND a.state = 'waiting' AND (a.until <= clock_timestamp()) = %(is_late)s
        AND (SELECT e.state FROM execution e WHERE e.id = a.execution_id) = ANY(%(live)s)
    RETURNING id, tenant_id, job_id, execution_id, state, decided_by
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(execution_id, 'approval.decided'), tenant_id, 'approval.decided', job_id, execution_id,
        jsonb_build_object('approval', id, 'state', state, 'by', decided_by), clock_timestamp()
    FROM decided
)
SELECT id FROM decided

-- name: withdraw_approvals
-- Those whose executions have ended, or are gone, without one: cancelled, out of time, lost. What somebody decides on just
-- now is passed over.
UPDATE approval SET state = 'withdrawn', decided_at = clock_timestamp() WHERE state = 'waiting' AND id = ANY(ARRAY(
    SELECT a.id FROM approval a
    LEFT JOIN LATERAL (SELECT e.state FROM execution e WHERE e.id = a.execution_id LIMIT 1) e ON true
    WHERE a.state = 'waiting' AND (e.state IS NULL OR e.state <> ALL(%(live)s))
    ORDER BY a.id LIMIT %(limit)s FOR NO KEY UPDATE OF a SKIP LOCKED))
RETURNING id

-- name: prune_approvals
-- Kept as long as executions are.
DELETE FROM approval WHERE id = ANY(ARRAY(
    SELECT id FROM approval WHERE decided_at < clock_timestamp() - %(age)s
        AND (%(tenant_id)s::uuid IS NULL OR tenant_id = %(tenant_id)s)
    ORDER BY decided_at LIMIT %(limit)s))
