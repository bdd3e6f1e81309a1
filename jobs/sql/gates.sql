-- Slots that wait for the slots of other jobs: edges of mode gate. What moves them on is in transitions.sql.

-- name: poke_gates
-- Slots that wait for a job something ended of since `horizon` are looked at now; without one, all that wait. Each by an
-- index that holds no more than those. The horizon returned is this snapshot's: see wake_parked.
WITH ended AS MATERIALIZED (
    SELECT tenant_id, job_id FROM event
    WHERE xid >= %(horizon)s::xid8 AND kind IN (
        'execution.succeeded', 'execution.failed', 'execution.cancelled', 'execution.skipped')
    ORDER BY xid DESC, id DESC LIMIT 1000
), gated AS MATERIALIZED (
    SELECT DISTINCT d.downstream_id FROM (SELECT DISTINCT tenant_id, job_id FROM ended) j
    CROSS JOIN LATERAL (
        SELECT downstream_id FROM dependency
        WHERE dependency.tenant_id = j.tenant_id AND upstream_id = j.job_id AND mode = 'gate') d
), waiting AS MATERIALIZED (
    SELECT e.id FROM gated g CROSS JOIN LATERAL (
        SELECT id FROM execution WHERE state = 'blocked' AND decide_at > statement_timestamp() AND job_id = g.downstream_id
        ORDER BY decide_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED) e
    UNION ALL
    SELECT a.id FROM (
        SELECT id FROM execution
        WHERE %(horizon)s::xid8 IS NULL AND state = 'blocked' AND decide_at > statement_timestamp() AND not_before <= statement_timestamp()
        ORDER BY decide_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED) a
), poked AS (
    UPDATE execution SET decide_at = statement_timestamp()
    WHERE id = ANY(ARRAY(SELECT id FROM waiting)) AND state = 'blocked' AND not_before <= statement_timestamp()
    RETURNING id
)
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, (SELECT count(*) FROM poked) AS poked

-- name: lock_gated
-- Slots whose turn it is to be looked at, with the slot of their schedule before them. Its id begins with its instant; a row
-- that stands for many is found by its last.
WITH picked AS MATERIALIZED (
    SELECT id, tenant_id, job_id, schedule_id, scheduled_for, greatest(not_before, created_at) AS since, decide_at
    FROM execution
    WHERE state = 'blocked' AND decide_at <= clock_timestamp() AND trigger = 'schedule'
    ORDER BY decide_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
)
SELECT p.*, clock_timestamp() AS now, (
    SELECT coalesce(e.folded_until, e.scheduled_for) FROM execution e
    WHERE e.tenant_id = p.tenant_id AND e.schedule_id = p.schedule_id AND e.id < p.id AND e.trigger = 'schedule'
        AND e.scheduled_for < p.scheduled_for
    ORDER BY e.id DESC LIMIT 1) AS before
FROM picked p

-- name: gated_slot
-- The same of one slot, to tell of it.
SELECT e.id, e.tenant_id, e.job_id, e.scheduled_for, greatest(e.not_before, e.created_at) AS since, clock_timestamp() AS now, (
    SELECT coalesce(b.folded_until, b.scheduled_for) FROM execution b
    WHERE b.tenant_id = e.tenant_id AND b.schedule_id = e.schedule_id AND b.id < e.id AND b.trigger = 'schedule'
        AND b.scheduled_for < e.scheduled_for
    ORDER BY b.id DESC LIMIT 1) AS before
FROM execution e WHERE e.id = %(id)s AND e.trigger = 'schedule'

-- name: slot_behind
-- The slot that an execution is, or that it replays, replays of replays included; none if it began in another way.
WITH RECURSIVE chain AS (
    SELECT id, replay_of, trigger, 0 AS steps FROM execution WHERE id = %(id)s
    UNION ALL
    SELECT e.id, e.replay_of, e.trigger, c.steps + 1 FROM chain c
    CROSS JOIN LATERAL (SELECT id, replay_of, trigger FROM execution o WHERE o.id = c.replay_of LIMIT 1) e
    WHERE c.trigger = 'replay' AND c.steps < %(most)s
)
SELECT id FROM chain WHERE trigger = 'schedule'

-- name: gates_of
-- The gates of a slot, with how their upstream's slots in (`before`, `at`] stand, and its latest before that; without a
-- `before`, the latest up to `at` alone. What was skipped or failed counts as its newest replay does. `due` are upstream
-- slots that no execution stands for yet; of the schedules in `unsure` that is not known without computing it. `ended` is
-- the latest that has ended of those that count. What one execution runs as its own is no slot, whatever job it is of.
SELECT d.id, d.trigger_rule AS rule, d.condition, d.gate_timeout_seconds AS timeout_seconds, d.upstream_id AS job_id,
    u.name AS job, w.slots, l.latest, n.ended, s.due, s.unsure
FROM dependency d
CROSS JOIN LATERAL (SELECT name FROM job WHERE job.id = d.upstream_id LIMIT 1) u
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_array(state, reason, many)), '[]') AS slots FROM (
        SELECT coalesce(r.state, e.state) AS state, coalesce(r.reason, e.reason) AS reason, count(*) AS many
        FROM execution e
        LEFT JOIN LATERAL (
            SELECT o.state, o.reason FROM execution o
            WHERE e.state IN ('failed', 'cancelled', 'skipped') AND o.tenant_id = e.tenant_id AND o.replay_of = e.id
            ORDER BY o.id DESC LIMIT 1) r ON true
        WHERE e.tenant_id = d.tenant_id AND e.job_id = d.upstream_id AND e.id >= %(low)s AND e.id < %(high)s
            AND e.trigger IN ('schedule', 'dependency') AND NOT (e.superseded AND e.trigger = 'dependency')
            AND NOT (e.trigger = 'dependency' AND EXISTS (
                SELECT 1 FROM workflow_run c WHERE c.id = e.workflow_run_id AND c.parent_execution_id IS NOT NULL))
            AND coalesce(e.folded_until, e.scheduled_for) > %(before)s::timestamptz AND e.scheduled_for <= %(at)s
        GROUP BY 1, 2) each
) w
LEFT JOIN LATERAL (
    SELECT jsonb_build_array(coalesce(r.state, e.state), coalesce(r.reason, e.reason), 1) AS latest FROM (
        SELECT o.id, o.tenant_id, o.state, o.reason FROM execution o
        WHERE o.tenant_id = d.tenant_id AND o.job_id = d.upstream_id AND o.id < %(high)s
            AND o.trigger IN ('schedule', 'dependency') AND NOT (o.superseded AND o.trigger = 'dependency')
            AND NOT (o.trigger = 'dependency' AND EXISTS (
                SELECT 1 FROM workflow_run c WHERE c.id = o.workflow_run_id AND c.parent_execution_id IS NOT NULL))
            AND o.scheduled_for <= %(at)s
        ORDER BY o.id DESC LIMIT 1) e
    LEFT JOIN LATERAL (
        SELECT o.state, o.reason FROM execution o
        WHERE e.state IN ('failed', 'cancelled', 'skipped') AND o.tenant_id = e.tenant_id AND o.replay_of = e.id
        ORDER BY o.id DESC LIMIT 1) r ON true
) l ON true
LEFT JOIN LATERAL (
    SELECT coalesce(r.id, e.id) AS ended FROM (
        SELECT o.id, o.tenant_id, o.state FROM execution o
        WHERE o.tenant_id = d.tenant_id AND o.job_id = d.upstream_id AND o.id < %(high)s
            AND o.id >= CASE WHEN w.slots = '[]' THEN '00000000-0000-0000-0000-000000000000' ELSE %(low)s END::uuid
            AND o.trigger IN ('schedule', 'dependency') AND NOT (o.superseded AND o.trigger = 'dependency')
            AND (w.slots = '[]' OR coalesce(o.folded_until, o.scheduled_for) > %(before)s::timestamptz)
            AND o.scheduled_for <= %(at)s AND o.state IN ('succeeded', 'failed', 'cancelled', 'skipped')
        ORDER BY o.id DESC LIMIT 1) e
    LEFT JOIN LATERAL (
        SELECT o.id FROM execution o
        WHERE e.state IN ('failed', 'cancelled', 'skipped') AND o.tenant_id = e.tenant_id AND o.replay_of = e.id
            AND o.state IN ('succeeded', 'failed', 'cancelled', 'skipped')
        ORDER BY o.id DESC LIMIT 1) r ON true
) n ON true
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE next_run_at <= %(at)s) AS due, array_agg(id) FILTER (WHERE next_run_at IS NULL) AS unsure
    FROM schedule
    WHERE schedule.job_id = d.upstream_id AND schedule.state IN ('active', 'paused') AND kind <> 'event' AND planned_until < %(at)s
) s
WHERE d.downstream_id = %(downstream)s AND d.mode = 'gate'
ORDER BY d.id

-- name: decide_later
UPDATE execution SET decide_at = %(at)s WHERE id = %(id)s AND state = 'blocked'

-- name: results_of
-- How executions have ended. Results beyond `most` characters of JSON, taken together, are left out.
SELECT id, state, reason, CASE WHEN sum(size) OVER (ORDER BY id) <= %(most)s THEN result END AS result,
    sum(size) OVER (ORDER BY id) > %(most)s AS is_too_much
FROM (
    SELECT id, state, reason, result, octet_length(result::text) AS size FROM execution WHERE id = ANY(%(ids)s)) e
