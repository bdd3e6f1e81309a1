-- What admission reads and un-parks. Admission itself, which writes the state, is in transitions.sql.

-- name: lock_admission
-- One admission at a time for the installation. A statement of its own: the count that follows must
-- read a snapshot taken after the lock, or two rounds could each fill the same room.
SELECT pg_try_advisory_xact_lock(%(key)s) AS held

-- name: wake_parked
-- A cap with room takes as many as it has room for out of its parking. Looked at are the caps of jobs and the
-- concurrency keys of executions that something was told of since `horizon` (whatever ends, goes on later or changes a
-- job's caps tells an event), the jobs and keys whose bucket got its next token or whose throttle ended just now, and a page of
-- all caps in the order of their keys, by which the watchdog goes round: the cost follows what ends, not what is parked.
-- Operations are looked at when one of theirs ends, and for ten seconds after they got more to do or another pace.
-- The horizon returned is this snapshot's: an end it cannot see yet has a later transaction id, so the next round hears
-- of it, in whatever order a finish and an admission commit. Only the newest thousand events: while a long transaction
-- holds the horizon back, the older ones have been heard. Admission looks once more, so a wrong guess here costs a
-- round and breaks no cap; SKIP LOCKED, since admission and watchdog may meet.
WITH RECURSIVE ended AS MATERIALIZED (
    SELECT job_id, execution_id FROM event
    WHERE xid >= %(horizon)s::xid8
        AND (SELECT true FROM execution WHERE state = 'pending' AND waiting_on <> '' ORDER BY waiting_on LIMIT 1)
    ORDER BY xid DESC, id DESC LIMIT 1000
), told AS MATERIALIZED (
    SELECT job_id FROM ended WHERE job_id IS NOT NULL
    UNION
    SELECT substr(key, 5)::uuid FROM rate_bucket WHERE %(horizon)s::xid8 IS NOT NULL AND starts_with(key, 'job:')
        AND refill_at <= statement_timestamp() AND refill_at > statement_timestamp() - interval '10 seconds'
    UNION
    SELECT id FROM job WHERE %(horizon)s::xid8 IS NOT NULL
        AND throttled_until <= statement_timestamp() AND throttled_until > statement_timestamp() - interval '10 seconds'
), walk (waiting_on, place) AS (
    (SELECT waiting_on, 1 FROM execution
     WHERE state = 'pending' AND waiting_on <> '' AND waiting_on > %(after)s AND %(page)s > 0 ORDER BY waiting_on LIMIT 1)
    UNION ALL
    SELECT (SELECT e.waiting_on FROM execution e WHERE e.state = 'pending' AND e.waiting_on <> ''
            AND e.waiting_on > walk.waiting_on ORDER BY e.waiting_on LIMIT 1), walk.place + 1
    FROM walk WHERE walk.waiting_on IS NOT NULL AND walk.place < %(page)s
), looked_at AS (
    SELECT k.waiting_on FROM told CROSS JOIN LATERAL (VALUES
        ('job:' || told.job_id), ('slot:' || told.job_id), ('held:' || told.job_id), ('rate:' || told.job_id),
        ('shut:' || told.job_id), ('tag:' || told.job_id)) AS k(waiting_on)
    UNION
    SELECT 'tag:' || t.job_id FROM tag p JOIN job_tag t ON t.tenant_id = p.tenant_id AND t.tag = p.tag
    WHERE %(horizon)s::xid8 IS NOT NULL AND p.paused_at IS NOT NULL
        AND p.until <= statement_timestamp() AND p.until > statement_timestamp() - interval '3 seconds'
    UNION
    SELECT 'key:' || e.tenant_id || ':' || e.concurrency_key FROM ended
    CROSS JOIN LATERAL (
        SELECT tenant_id, concurrency_key FROM execution WHERE execution.id = ended.execution_id LIMIT 1
    ) e
    WHERE e.concurrency_key <> '' AND EXISTS (SELECT 1 FROM execution p
        WHERE p.state = 'pending' AND p.waiting_on <> '' AND p.waiting_on >= 'key:' AND p.waiting_on < 'key;')
    UNION
    SELECT 'keyrate:' || substr(key, 5) FROM rate_bucket WHERE %(horizon)s::xid8 IS NOT NULL AND starts_with(key, 'key:')
        AND refill_at <= statement_timestamp() AND refill_at > statement_timestamp() - interval '10 seconds'
    UNION
    SELECT 'op:' || e.operation_id FROM ended
    CROSS JOIN LATERAL (SELECT operation_id FROM execution WHERE execution.id = ended.execution_id LIMIT 1) e
    WHERE e.operation_id IS NOT NULL AND EXISTS (SELECT 1 FROM execution p
        WHERE p.state = 'pending' AND p.waiting_on <> '' AND p.waiting_on >= 'op:' AND p.waiting_on < 'op;')
    UNION
    SELECT 'op:' || id FROM operation WHERE %(horizon)s::xid8 IS NOT NULL
        AND state = 'running' AND max_active IS NOT NULL AND paced_at > statement_timestamp() - interval '10 seconds'
), keys AS MATERIALIZED (
    SELECT waiting_on FROM walk WHERE waiting_on IS NOT NULL
    UNION
    SELECT p.waiting_on FROM looked_at k
    CROSS JOIN LATERAL (SELECT e.waiting_on FROM execution e
        WHERE e.state = 'pending' AND e.waiting_on <> '' AND e.waiting_on = k.waiting_on LIMIT 1) p
), caps AS (
    SELECT k.waiting_on,
        CASE split_part(k.waiting_on, ':', 1)
            WHEN 'held' THEN CASE WHEN j.state IN ('disabled', 'deleted') THEN 0 ELSE 1000 END
            WHEN 'shut' THEN CASE WHEN EXISTS (SELECT 1 FROM maintenance_window m WHERE m.job_id = j.id AND m.action = 'hold'
                AND m.opens_at <= statement_timestamp() AND m.closes_at > statement_timestamp()) THEN 0 ELSE 1000 END
            WHEN 'tag' THEN CASE WHEN carillon_tag_paused(j.tenant_id, j.id) THEN 0 ELSE 1000 END
            WHEN 'slot' THEN CASE WHEN j.overlap = 'allow' THEN 1000 ELSE 1 - f.slots END
            WHEN 'rate' THEN CASE WHEN j.rate_limit = '' THEN 1000 ELSE
                floor(carillon_tokens('job:' || j.id, j.rate_limit, j.rate_burst, statement_timestamp()))::int END
            ELSE coalesce(carillon_cap(j.max_running, j.throttle_max_running, j.throttled_until) - f.total, 1000)
        END AS room
    FROM keys k
    CROSS JOIN LATERAL (SELECT * FROM job WHERE job.id = split_part(k.waiting_on, ':', 2)::uuid LIMIT 1) j
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE e.trigger = 'schedule') + (
            -- One that has begun is before all that have not; but what waits here does not wait for itself.
            SELECT count(*) FROM execution o WHERE o.job_id = j.id AND o.trigger = 'schedule' AND o.ripened_at IS NOT NULL
                AND o.state IN ('scheduled', 'blocked', 'pending') AND (o.state = 'blocked' OR o.epoch > 0
                    AND o.operation_id IS NULL AND o.waiting_on <> k.waiting_on)) AS slots
        FROM execution e
        WHERE e.tenant_id = j.tenant_id AND e.job_id = j.id AND e.state IN ('queued', 'running')
    ) f
    WHERE split_part(k.waiting_on, ':', 1) NOT IN ('key', 'keyrate', 'op')
    UNION ALL
    -- A concurrency key is no job's: 'key:<tenant>:<key>'. The first in line says whether there is room for it.
    SELECT k.waiting_on, least(f.most, j.max_running_per_key) - f.total
    FROM (SELECT waiting_on, split_part(waiting_on, ':', 2)::uuid AS tenant_id, substr(waiting_on, 42) AS concurrency_key
          FROM keys WHERE split_part(waiting_on, ':', 1) = 'key') k
    CROSS JOIN LATERAL (
        SELECT e.job_id FROM execution e WHERE e.state = 'pending' AND e.waiting_on = k.waiting_on AND e.waiting_on <> ''
        ORDER BY e.priority DESC, e.not_before, e.id LIMIT 1
    ) first
    CROSS JOIN LATERAL (SELECT max_running_per_key FROM job WHERE job.id = first.job_id LIMIT 1) j
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, min(o.max_running_per_key) AS most
        FROM execution e CROSS JOIN LATERAL (SELECT max_running_per_key FROM job WHERE job.id = e.job_id LIMIT 1) o
        WHERE e.tenant_id = k.tenant_id AND e.concurrency_key = k.concurrency_key AND e.concurrency_key <> ''
            AND e.state IN ('queued', 'running')
    ) f
    UNION ALL
    -- 'keyrate:<name>', as its bucket is named: the lower rate counts of the first in line and of who drew from it last.
    SELECT k.waiting_on, coalesce(floor(s.tokens)::int, 1000)
    FROM (SELECT waiting_on, substr(waiting_on, 9) AS name
          FROM keys WHERE split_part(waiting_on, ':', 1) = 'keyrate') k
    LEFT JOIN LATERAL (
        SELECT carillon_tokens('key:' || k.name, j.key_rate_limit, j.key_rate_burst, statement_timestamp()) AS tokens
        FROM (
            (SELECT e.job_id FROM execution e WHERE e.state = 'pending' AND e.waiting_on = k.waiting_on AND e.waiting_on <> ''
             ORDER BY e.priority DESC, e.not_before, e.id LIMIT 1)
            UNION ALL
            (SELECT b.job_id FROM rate_bucket b WHERE b.key = 'key:' || k.name AND b.full_at > statement_timestamp())
        ) o
        CROSS JOIN LATERAL (
            SELECT key_rate_limit, key_rate_burst FROM job WHERE job.id = o.job_id AND key_rate_limit <> '' LIMIT 1
        ) j
        ORDER BY carillon_rate(j.key_rate_limit), carillon_burst(j.key_rate_limit, j.key_rate_burst) LIMIT 1
    ) s ON true
    UNION ALL
    -- 'op:<operation>'. What was let go and is not admitted yet takes room as well, or each look would let go more.
    SELECT k.waiting_on, carillon_pace(o.state, o.max_active) - f.total
    FROM (SELECT waiting_on, split_part(waiting_on, ':', 2)::uuid AS operation_id
          FROM keys WHERE split_part(waiting_on, ':', 1) = 'op') k
    LEFT JOIN LATERAL (SELECT state, max_active FROM operation WHERE id = k.operation_id LIMIT 1) o ON true
    CROSS JOIN LATERAL (
        SELECT count(*)::int AS total FROM execution e
        WHERE e.operation_id = k.operation_id AND e.waiting_on = '' AND e.state IN ('pending', 'queued', 'running')
    ) f
), chosen AS MATERIALIZED (
    SELECT p.id FROM caps c CROSS JOIN LATERAL (
        SELECT e.id FROM execution e WHERE e.state = 'pending' AND e.waiting_on = c.waiting_on AND e.waiting_on <> ''
        ORDER BY e.priority DESC, e.not_before, e.id LIMIT greatest(c.room, 0) FOR NO KEY UPDATE SKIP LOCKED
    ) p
), woken AS (
    UPDATE execution SET waiting_on = '' WHERE id = ANY(ARRAY(SELECT id FROM chosen)) AND state = 'pending' RETURNING id
)
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, (SELECT count(*) FROM woken) AS woken,
    (SELECT max(waiting_on) FROM walk HAVING count(*) = %(page)s AND count(waiting_on) = count(*)) AS last

-- name: held_of_deleted
-- Jobs deleted while an execution of theirs was being made: neither transaction saw the other.
SELECT DISTINCT j.tenant_id, j.id AS job_id
FROM execution e JOIN job j ON j.id = split_part(e.waiting_on, ':', 2)::uuid AND j.state = 'deleted'
WHERE e.state = 'pending' AND e.waiting_on <> '' AND e.waiting_on >= 'held:' AND e.waiting_on < 'held;'

-- name: capacity
-- Per open queue: slots of live workers, what is published and unclaimed, what in flight goes behind live work, and room
-- under the queue's cap and rate. What a maintenance window of the platform covers is not open.
SELECT q.name AS queue, q.batch_size, q.pool, CASE WHEN q.pool = 'external' THEN x.slots ELSE w.slots END AS slots,
    (SELECT count(*) FROM execution e WHERE e.queue_id = q.name AND e.state = 'queued') AS queued,
    (SELECT count(*) FROM execution e WHERE e.queue_id = q.name AND e.priority < 0 AND e.state IN ('queued', 'running'))
        AS behind,
    least(
        CASE WHEN c.max_running IS NOT NULL THEN c.max_running - (
            SELECT count(*) FROM execution e WHERE e.queue_id = q.name AND e.state IN ('queued', 'running')) END,
        CASE WHEN q.rate_limit <> '' THEN
            floor(carillon_tokens('queue:' || q.name, q.rate_limit, q.rate_burst, statement_timestamp())) END
    )::int AS room
FROM queue q
CROSS JOIN LATERAL (SELECT carillon_cap(q.max_running, q.throttle_max_running, q.throttled_until) AS max_running) c
CROSS JOIN LATERAL (
    SELECT coalesce(sum(concurrency), 0)::int AS slots FROM worker
    WHERE q.name = ANY(queues) AND pool = q.pool AND lease_expires_at > clock_timestamp() AND NOT draining
) w
CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.max_concurrent), 0)::int AS slots FROM executor x
    WHERE q.pool = 'external' AND q.name = ANY(x.queues) AND x.state = 'active' AND x.lease_expires_at > clock_timestamp()
        AND NOT x.draining
) x
WHERE q.paused_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM maintenance_window m WHERE m.tenant_id IS NULL AND (m.queue_id IS NULL OR m.queue_id = q.name)
        AND m.action = 'hold' AND m.opens_at <= statement_timestamp() AND m.closes_at > statement_timestamp())
ORDER BY q.name

-- name: paces
-- What 95 of 100 runs of a job took at most, and what half of them did. Read from what is stored anyhow, in two places of bounded cost: the last
-- two hundred successes of its tenant (there a job with a backlog is found, whose own newest rows still wait), and its
-- own last ten rows (there one that runs now and then).
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(%(tenants)s::uuid[], %(jobs)s::uuid[]) AS w(tenant_id, job_id)
), run AS (
    SELECT r.* FROM (SELECT DISTINCT tenant_id FROM wanted) t
    CROSS JOIN LATERAL (
        SELECT e.id, e.job_id, e.started_at, e.finished_at FROM execution e
        WHERE e.tenant_id = t.tenant_id AND e.state = 'succeeded' ORDER BY e.id DESC LIMIT 200
    ) r WHERE r.job_id = ANY(%(jobs)s)
    UNION
    SELECT r.id, w.job_id, r.started_at, r.finished_at FROM wanted w
    CROSS JOIN LATERAL (
        SELECT o.id, o.started_at, o.finished_at FROM (
            SELECT e.id, e.state, e.started_at, e.finished_at FROM execution e
            WHERE e.tenant_id = w.tenant_id AND e.job_id = w.job_id ORDER BY e.id DESC LIMIT 10
        ) o WHERE o.state = 'succeeded'
    ) r
)
SELECT job_id,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)::float8) AS longest,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)::float8) AS usual
FROM run GROUP BY job_id HAVING count(*) >= %(least)s

-- name: next_instants
-- When the timer must look again: the next row to ripen, the next schedule to plan, the next token of a
-- drained bucket, the end of a throttle or of a tag's pause, the opening of a maintenance window, and the end of one, after
-- which it is moved on to its next, the next workflow run whose root is due, the next slot that waits at a gate, and the next suspended execution to go on. Read with the clock
-- they are compared to. The order of the last keeps to the index: EXISTS would read the table and expect
-- to be lucky soon, past all that has ended.
SELECT clock_timestamp() AS now,
    (SELECT not_before FROM execution WHERE state = 'scheduled' ORDER BY not_before LIMIT 1) AS ripens_at,
    (SELECT due_at FROM schedule WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1) AS plans_at,
    least((SELECT refill_at FROM rate_bucket WHERE refill_at > statement_timestamp() ORDER BY refill_at LIMIT 1),
          (SELECT min(until) FROM tag WHERE paused_at IS NOT NULL AND until > statement_timestamp()),
          (SELECT throttled_until FROM job WHERE throttled_until > statement_timestamp() ORDER BY 1 LIMIT 1),
          (SELECT throttled_until FROM tenant WHERE throttled_until > statement_timestamp() ORDER BY 1 LIMIT 1),
          (SELECT min(throttled_until) FROM queue WHERE throttled_until > statement_timestamp())) AS eases_at,
    (SELECT opens_at FROM maintenance_window WHERE opens_at > statement_timestamp() ORDER BY 1 LIMIT 1) AS shuts_at,
    (SELECT closes_at FROM maintenance_window WHERE closes_at IS NOT NULL ORDER BY 1 LIMIT 1) AS reopens_at,
    (SELECT w.due_at FROM workflow_run w WHERE w.state = 'planned' ORDER BY w.due_at LIMIT 1) AS begins_at,
    (SELECT decide_at FROM execution WHERE state = 'blocked' AND decide_at IS NOT NULL AND trigger = 'schedule'
     ORDER BY decide_at LIMIT 1) AS decides_at,
    (SELECT resume_at FROM execution WHERE state = 'blocked' AND resume_at IS NOT NULL ORDER BY resume_at LIMIT 1) AS resumes_at,
    coalesce((SELECT true FROM execution WHERE state = 'pending' AND waiting_on = '' ORDER BY queue_id LIMIT 1), false)
        AS backlog

-- name: clock
SELECT clock_timestamp() AS now
