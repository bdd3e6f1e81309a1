-- What tenants have used, counted from events, and what of theirs is kept for less long than the installation's.

-- name: count_usage
-- The next events in the order of their transactions, each read once: up to the oldest transaction still open, so that
-- none commits behind the cursor. One engine counts at a time; the cursor is read as it is once locked. Of what ended,
-- attempts and log are looked up within the milliseconds of its id, which is one partition.
WITH cursor AS MATERIALIZED (
    SELECT xid, event_id FROM usage_cursor WHERE id = 1 FOR UPDATE SKIP LOCKED
), told AS MATERIALIZED (
    SELECT e.* FROM cursor c CROSS JOIN LATERAL (
        SELECT xid, id, tenant_id, kind, execution_id, (created_at AT TIME ZONE 'UTC')::date AS day FROM event
        WHERE (xid, id) > (c.xid, c.event_id) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid, id LIMIT %(limit)s) e
), ended AS MATERIALIZED (
    SELECT tenant_id, day, kind, execution_id, (left(execution_id::text, 13) || '-0000-0000-000000000000')::uuid AS low,
        (left(execution_id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid AS high
    FROM told
    WHERE kind IN ('execution.succeeded', 'execution.failed', 'execution.cancelled', 'execution.skipped')
), measured AS (
    SELECT e.tenant_id, e.day, e.kind, coalesce(x.folded_count, 1) AS total, coalesce(a.seconds, 0) AS seconds,
        coalesce(l.bytes, 0) AS bytes
    FROM ended e
    LEFT JOIN LATERAL (
        SELECT folded_count FROM execution WHERE e.kind = 'execution.skipped' AND execution.id = e.execution_id LIMIT 1
    ) x ON true
    LEFT JOIN LATERAL (
        SELECT sum(extract(epoch FROM finished_at - started_at)) AS seconds FROM attempt
        WHERE e.kind <> 'execution.skipped' AND attempt.execution_id = e.execution_id AND attempt.id BETWEEN e.low AND e.high
    ) a ON true
    LEFT JOIN LATERAL (
        SELECT sum(pg_column_size(lines)) AS bytes FROM execution_log o
        WHERE e.kind <> 'execution.skipped' AND o.execution_id = e.execution_id AND o.id BETWEEN e.low AND e.high
    ) l ON true
), stored AS (
    INSERT INTO usage_day AS u (id, tenant_id, day, succeeded, failed, cancelled, skipped, run_seconds, log_bytes)
    SELECT gen_random_uuid(), tenant_id, day,
        coalesce(sum(total) FILTER (WHERE kind = 'execution.succeeded'), 0),
        coalesce(sum(total) FILTER (WHERE kind = 'execution.failed'), 0),
        coalesce(sum(total) FILTER (WHERE kind = 'execution.cancelled'), 0),
        coalesce(sum(total) FILTER (WHERE kind = 'execution.skipped'), 0), sum(seconds), sum(bytes)
    FROM measured GROUP BY tenant_id, day
    ON CONFLICT (tenant_id, day) DO UPDATE SET succeeded = u.succeeded + excluded.succeeded,
        failed = u.failed + excluded.failed, cancelled = u.cancelled + excluded.cancelled,
        skipped = u.skipped + excluded.skipped, run_seconds = u.run_seconds + excluded.run_seconds,
        log_bytes = u.log_bytes + excluded.log_bytes
), moved AS (
    UPDATE usage_cursor c SET xid = t.xid, event_id = t.id
    FROM (SELECT xid, id FROM told ORDER BY xid DESC, id DESC LIMIT 1) t WHERE c.id = 1
)
SELECT count(*) AS told FROM told

-- name: kept_shorter
SELECT id AS tenant_id, retention_days FROM tenant WHERE retention_days IS NOT NULL ORDER BY id

-- name: expire_executions
-- The oldest ended executions of a tenant whose time is over, with all that belongs to them. Ids hold their time, so
-- the week that holds them is all that is searched. Steps stay while their workflow run goes on: it reads how they ended.
WITH gone AS MATERIALIZED (
    SELECT id FROM execution
    WHERE tenant_id = %(tenant_id)s AND id < carillon_floor_id(clock_timestamp() - %(age)s)
        AND finished_at < clock_timestamp() - %(age)s
        AND (workflow_run_id IS NULL
            OR NOT EXISTS (SELECT 1 FROM workflow_run r WHERE r.id = workflow_run_id AND r.finished_at IS NULL))
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), span AS MATERIALIZED (
    SELECT (left((SELECT id FROM gone ORDER BY id LIMIT 1)::text, 13) || '-0000-0000-000000000000')::uuid AS low,
        (left((SELECT id FROM gone ORDER BY id DESC LIMIT 1)::text, 13) || '-ffff-ffff-ffffffffffff')::uuid AS high
), attempts AS (
    DELETE FROM attempt a USING gone WHERE a.execution_id = gone.id
        AND a.id BETWEEN (SELECT low FROM span) AND (SELECT high FROM span)
), logs AS (
    DELETE FROM execution_log l USING gone WHERE l.execution_id = gone.id
        AND l.id BETWEEN (SELECT low FROM span) AND (SELECT high FROM span)
), events AS (
    DELETE FROM event e USING gone WHERE e.execution_id = gone.id
        AND e.id BETWEEN (SELECT low FROM span) AND (SELECT high FROM span)
), letters AS (
    DELETE FROM dead_letter d USING gone WHERE d.execution_id = gone.id
), left_behind AS (
    UPDATE artifact a SET state = 'deleted', expires_at = clock_timestamp() FROM gone
    WHERE a.execution_id = gone.id AND a.state <> 'deleted'
), ended AS (
    DELETE FROM execution e USING gone WHERE e.id = gone.id
        AND e.id BETWEEN (SELECT low FROM span) AND (SELECT high FROM span) RETURNING e.id
)
SELECT count(*) AS expired FROM ended
