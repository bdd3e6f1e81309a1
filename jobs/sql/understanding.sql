-- What explanations and statistics read: bounded, however much is stored.

-- name: ended_lately
-- How many of a tenant's executions ended in a queue lately, or of one job, and in how many seconds. Among the newest
-- events of all tenants, so that the cost is the same for everybody; counted are the tenant's own.
WITH told AS MATERIALIZED (
    SELECT tenant_id, job_id, kind, created_at FROM event ORDER BY xid DESC, id DESC LIMIT %(most)s
), span AS (
    SELECT greatest(statement_timestamp() - %(window)s::interval,
        CASE WHEN count(*) = %(most)s THEN min(created_at) END) AS since FROM told
), mine AS MATERIALIZED (
    SELECT t.job_id FROM told t, span
    WHERE t.tenant_id = %(tenant_id)s AND t.kind = ANY(%(kinds)s) AND t.created_at >= span.since
        AND (%(job_id)s::uuid IS NULL OR t.job_id = %(job_id)s)
)
SELECT count(*) AS ended, extract(epoch FROM statement_timestamp() - (SELECT since FROM span))::float8 AS seconds
FROM mine m CROSS JOIN LATERAL (SELECT queue_id FROM job WHERE job.id = m.job_id LIMIT 1) j
WHERE j.queue_id = %(queue)s

-- name: queue_shares
-- How many seconds executions of each tenant ran in a queue in a time: of the newest that were made in a window of ids, and
-- of the older ones that still run. What was put off or suspended in between counts with the times that it ran.
WITH near AS MATERIALIZED (
    SELECT id, tenant_id, queue_id, epoch, attempt, started_at, finished_at, state FROM execution
    WHERE id >= %(low)s AND id < %(high)s ORDER BY id DESC LIMIT %(most)s
), busy AS (
    SELECT tenant_id, started_at, finished_at FROM near WHERE queue_id = %(queue)s AND started_at < %(until)s
        AND (finished_at > %(since)s OR finished_at IS NULL AND state = 'running') AND epoch <= attempt
    UNION ALL
    SELECT n.tenant_id, a.started_at, a.finished_at FROM near n CROSS JOIN LATERAL (
        SELECT started_at, finished_at FROM attempt WHERE execution_id = n.id AND number = n.attempt
            AND id BETWEEN (left(n.id::text, 13) || '-0000-0000-000000000000')::uuid AND (left(n.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid) a
    WHERE n.queue_id = %(queue)s AND n.epoch > n.attempt AND a.started_at < %(until)s
        AND (a.finished_at > %(since)s OR a.finished_at IS NULL AND n.state = 'running')
    UNION ALL
    SELECT tenant_id, started_at, NULL FROM execution WHERE state IN ('queued', 'running') AND state = 'running'
        AND id < %(low)s AND queue_id = %(queue)s AND started_at < %(until)s
)
SELECT tenant_id, (SELECT count(*) FROM near) >= %(most)s AS capped,
    sum(extract(epoch FROM least(coalesce(finished_at, statement_timestamp()), %(until)s) - greatest(started_at, %(since)s)))::float8
        AS seconds
FROM busy GROUP BY tenant_id ORDER BY seconds DESC

-- name: job_stats
-- The newest executions of a job in a window of ids. A folded row counts as the slots it stands for; how long it took
-- and waited is of the last attempt, from its first start on, of what has ended by itself; how long what was put off or
-- suspended waited at first is not known any more.
WITH counted AS MATERIALIZED (
    SELECT id, state, coalesce(folded_count, 1) AS slots, attempt, epoch, crashes, started_at, finished_at, not_before,
        (to_timestamp(('x' || lpad(replace(left(id::text, 13), '-', ''), 16, '0'))::bit(64)::bigint / 1000.0)
            AT TIME ZONE 'UTC')::date AS day
    FROM execution
    WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s AND id >= %(low)s AND id < %(high)s
    ORDER BY id DESC LIMIT %(most)s
), timed AS (
    SELECT CASE WHEN finished_at IS NOT NULL AND state IN ('succeeded', 'failed')
            THEN extract(epoch FROM finished_at - started_at)::float8 END AS took,
        CASE WHEN started_at >= not_before THEN extract(epoch FROM started_at - not_before)::float8 END AS waited,
        attempt, epoch, crashes, state, finished_at
    FROM counted
)
SELECT
    (SELECT jsonb_agg(jsonb_build_object('day', day, 'state', state, 'slots', slots) ORDER BY day) FROM (
        SELECT day, state, sum(slots) AS slots FROM counted GROUP BY day, state) d) AS days,
    count(*) AS rows, (SELECT id FROM counted ORDER BY id LIMIT 1) AS oldest,
    percentile_disc(ARRAY[0.5, 0.95, 1.0]) WITHIN GROUP (ORDER BY took) AS took,
    percentile_disc(ARRAY[0.5, 0.95, 1.0]) WITHIN GROUP (ORDER BY waited) AS waited,
    avg(attempt) FILTER (WHERE epoch > 0 AND state IN ('succeeded', 'failed'))::float8 AS attempts,
    coalesce(sum(crashes), 0)::bigint AS crashes,
    max(finished_at) FILTER (WHERE state = 'succeeded') AS last_success_at,
    max(finished_at) FILTER (WHERE state = 'failed') AS last_failure_at
FROM timed
