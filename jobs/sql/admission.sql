-- What admission reads and un-parks. Admission itself, which writes the state, is in transitions.sql.

-- name: lock_admission
-- One admission at a time for the installation. A statement of its own: the count that follows must
-- read a snapshot taken after the lock, or two rounds could each fill the same room.
SELECT pg_try_advisory_xact_lock(%(key)s) AS held

-- name: wake_parked
-- For every cap somebody is parked under, as many as it has room for become ready again. Admission
-- looks once more, so a wrong guess here costs a round and breaks no cap.
WITH RECURSIVE keys AS (
    (SELECT waiting_on FROM execution WHERE state = 'pending' AND waiting_on <> '' ORDER BY waiting_on LIMIT 1)
    UNION ALL
    SELECT (SELECT e.waiting_on FROM execution e WHERE e.state = 'pending' AND e.waiting_on <> ''
            AND e.waiting_on > keys.waiting_on ORDER BY e.waiting_on LIMIT 1)
    FROM keys WHERE keys.waiting_on IS NOT NULL
), caps AS (
    SELECT k.waiting_on,
        CASE split_part(k.waiting_on, ':', 1)
            WHEN 'held' THEN CASE WHEN j.state IN ('disabled', 'deleted') THEN 0 ELSE 1000 END
            WHEN 'slot' THEN CASE WHEN j.overlap = 'allow' THEN 1000 ELSE 1 - f.slots END
            WHEN 'rate' THEN CASE WHEN j.rate_limit = '' THEN 1000 ELSE
                floor(carillon_tokens('job:' || j.id, j.rate_limit, j.rate_burst, statement_timestamp()))::int END
            ELSE coalesce(carillon_cap(j.max_running, j.throttle_max_running, j.throttled_until) - f.total, 1000)
        END AS room
    FROM keys k
    CROSS JOIN LATERAL (SELECT * FROM job WHERE job.id = split_part(k.waiting_on, ':', 2)::uuid LIMIT 1) j
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE e.trigger = 'schedule') AS slots FROM execution e
        WHERE e.tenant_id = j.tenant_id AND e.job_id = j.id AND e.state IN ('queued', 'running')
    ) f
    WHERE k.waiting_on IS NOT NULL
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
), chosen AS (
    SELECT p.id FROM caps c CROSS JOIN LATERAL (
        SELECT e.id FROM execution e WHERE e.state = 'pending' AND e.waiting_on = c.waiting_on AND e.waiting_on <> ''
        ORDER BY e.priority DESC, e.not_before, e.id LIMIT greatest(c.room, 0)
    ) p
)
UPDATE execution SET waiting_on = '' WHERE id = ANY(ARRAY(SELECT id FROM chosen)) AND state = 'pending'

-- name: held_of_deleted
-- Jobs deleted while an execution of theirs was being made: neither transaction saw the other.
SELECT DISTINCT j.tenant_id, j.id AS job_id
FROM execution e JOIN job j ON j.id = split_part(e.waiting_on, ':', 2)::uuid AND j.state = 'deleted'
WHERE e.state = 'pending' AND e.waiting_on <> '' AND e.waiting_on >= 'held:' AND e.waiting_on < 'held;'

-- name: capacity
-- Per open queue: slots of live workers, what is published and unclaimed, and room under the queue's cap and rate.
SELECT q.name AS queue, w.slots,
    (SELECT count(*) FROM execution e WHERE e.queue_id = q.name AND e.state = 'queued') AS queued,
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
    WHERE q.name = ANY(queues) AND lease_expires_at > clock_timestamp() AND NOT draining
) w
WHERE q.paused_at IS NULL ORDER BY q.name

-- name: next_instants
-- When the timer must look again: the next row to ripen, the next schedule to plan, the next token of a
-- drained bucket, the end of a throttle. Read with the clock
-- they are compared to. The order of the last keeps to the index: EXISTS would read the table and expect
-- to be lucky soon, past all that has ended.
SELECT clock_timestamp() AS now,
    (SELECT not_before FROM execution WHERE state = 'scheduled' ORDER BY not_before LIMIT 1) AS ripens_at,
    (SELECT due_at FROM schedule WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1) AS plans_at,
    least((SELECT refill_at FROM rate_bucket WHERE refill_at > statement_timestamp() ORDER BY refill_at LIMIT 1),
          (SELECT throttled_until FROM job WHERE throttled_until > statement_timestamp() ORDER BY 1 LIMIT 1),
          (SELECT throttled_until FROM tenant WHERE throttled_until > statement_timestamp() ORDER BY 1 LIMIT 1),
          (SELECT min(throttled_until) FROM queue WHERE throttled_until > statement_timestamp())) AS eases_at,
    coalesce((SELECT true FROM execution WHERE state = 'pending' AND waiting_on = '' ORDER BY queue_id LIMIT 1), false)
        AS backlog

-- name: clock
SELECT clock_timestamp() AS now
