-- Executors: who claims over HTTP. What they need to know of is theirs alone, so lists are short and looked at whole.

-- name: wake_served
-- What waits for an executor is let go when one that fits has a place: as many as the places of those that live, less
-- what is published or let go for them already. Looked at are the tenants that have one on this queue.
WITH RECURSIVE live AS (
    SELECT DISTINCT x.tenant_id FROM executor x WHERE %(queue)s = ANY(x.queues) AND x.state = 'active' AND NOT x.draining
        AND x.lease_expires_at > statement_timestamp()
), walk (tenant_id, waiting_on) AS (
    SELECT l.tenant_id, (SELECT e.waiting_on FROM execution e WHERE e.state = 'pending' AND e.waiting_on <> ''
        AND e.waiting_on > 'exec:' || l.tenant_id || ':' AND e.waiting_on < 'exec:' || l.tenant_id || ';'
        ORDER BY e.waiting_on LIMIT 1)
    FROM live l
    UNION ALL
    SELECT w.tenant_id, (SELECT e.waiting_on FROM execution e WHERE e.state = 'pending' AND e.waiting_on <> ''
        AND e.waiting_on > w.waiting_on AND e.waiting_on < 'exec:' || w.tenant_id || ';' ORDER BY e.waiting_on LIMIT 1)
    FROM walk w WHERE w.waiting_on IS NOT NULL
), needed AS (
    SELECT w.waiting_on, w.tenant_id, first.needs, first.is_behind FROM walk w CROSS JOIN LATERAL (
        SELECT e.queue_id, e.priority < 0 AS is_behind, carillon_needs(r.spec, e.payload) AS needs
        FROM execution e LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
        WHERE e.state = 'pending' AND e.waiting_on = w.waiting_on AND e.waiting_on <> ''
        ORDER BY e.priority DESC, e.not_before, e.id LIMIT 1
    ) first
    WHERE w.waiting_on IS NOT NULL AND first.queue_id = %(queue)s
), room AS (
    -- least() passes over what is NULL
    SELECT n.waiting_on, least(p.places - f.ahead, CASE WHEN n.is_behind THEN greatest(p.places / 2, 1) - f.behind END) AS room
    FROM needed n CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.max_concurrent), 0)::int AS places FROM executor x
        WHERE x.tenant_id = n.tenant_id AND %(queue)s = ANY(x.queues)
            AND x.state = 'active' AND NOT x.draining AND x.lease_expires_at > statement_timestamp()
            AND carillon_fits(x.name, x.capabilities, n.needs)
    ) p CROSS JOIN LATERAL (
        -- Each state by its own index, and each revision by its key.
        SELECT count(*) FILTER (WHERE e.state <> 'running')::int AS ahead, count(*) FILTER (WHERE e.priority < 0)::int AS behind
        FROM (
            SELECT e.job_id, e.revision, e.payload, e.state, e.priority FROM execution e
            WHERE e.tenant_id = n.tenant_id AND e.queue_id = %(queue)s AND e.waiting_on = '' AND e.state = 'pending'
            UNION ALL
            SELECT e.job_id, e.revision, e.payload, e.state, e.priority FROM execution e
            WHERE e.tenant_id = n.tenant_id AND e.queue_id = %(queue)s AND e.waiting_on = '' AND e.state = 'queued'
            UNION ALL
            SELECT e.job_id, e.revision, e.payload, e.state, e.priority FROM execution e
            WHERE n.is_behind AND e.tenant_id = n.tenant_id AND e.queue_id = %(queue)s AND e.state = 'running' AND e.priority < 0
        ) e LEFT JOIN LATERAL (SELECT spec FROM job_revision WHERE job_id = e.job_id AND number = e.revision LIMIT 1) r ON true
        WHERE carillon_needs(r.spec, e.payload) = n.needs
    ) f
), chosen AS MATERIALIZED (
    SELECT p.id FROM room CROSS JOIN LATERAL (
        SELECT e.id FROM execution e WHERE e.state = 'pending' AND e.waiting_on = room.waiting_on AND e.waiting_on <> ''
        ORDER BY e.priority DESC, e.not_before, e.id LIMIT greatest(room.room, 0) FOR NO KEY UPDATE SKIP LOCKED
    ) p
)
UPDATE execution SET waiting_on = '' WHERE id = ANY(ARRAY(SELECT id FROM chosen)) AND state = 'pending' RETURNING id

-- name: park_unserved
-- Of what is ready in a queue that executors serve, so many stay in line as those that fit have places; the others are
-- parked under what they need, so that nobody's backlog stands in the way of what another executor could take. What goes
-- behind live work has half of the tenant's own places at most (jobs.rules.background), and waits under a name of its own.
WITH ready AS MATERIALIZED (
    SELECT e.id, e.tenant_id, e.priority, e.not_before, carillon_needs(r.spec, e.payload) AS needs
    FROM execution e LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
    WHERE e.queue_id = %(queue)s AND e.state = 'pending' AND e.waiting_on = ''
    ORDER BY e.tenant_id, e.priority DESC, e.not_before, e.id LIMIT %(limit)s
), room AS MATERIALIZED (
    SELECT n.tenant_id, n.needs, p.places - f.queued AS room, greatest(p.places / 2, 1) - f.behind AS lane
    FROM (SELECT DISTINCT tenant_id, needs FROM ready) n CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.max_concurrent), 0) AS places FROM executor x
        WHERE x.tenant_id = n.tenant_id AND %(queue)s = ANY(x.queues)
            AND x.state = 'active' AND NOT x.draining AND x.lease_expires_at > statement_timestamp()
            AND carillon_fits(x.name, x.capabilities, n.needs)
    ) p CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE e.state = 'queued') AS queued, count(*) FILTER (WHERE e.priority < 0) AS behind
        FROM execution e LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
        WHERE e.tenant_id = n.tenant_id AND e.queue_id = %(queue)s AND e.state IN ('queued', 'running')
            AND (e.state = 'queued' OR e.priority < 0) AND carillon_needs(r.spec, e.payload) = n.needs
    ) f
), surplus AS (
    SELECT id, tenant_id, needs, priority < 0 AS is_behind,
        'exec:' || tenant_id || ':' || md5(%(queue)s || needs::text || CASE WHEN priority < 0 THEN 'behind' ELSE '' END) AS waits_on,
        row_number() OVER (PARTITION BY tenant_id, needs ORDER BY priority DESC, not_before, id) AS place,
        row_number() OVER (PARTITION BY tenant_id, needs, priority < 0 ORDER BY priority DESC, not_before, id) AS place_behind
    FROM ready
)
UPDATE execution e SET waiting_on = s.waits_on
FROM surplus s JOIN room USING (tenant_id, needs)
WHERE e.id = s.id AND e.state = 'pending' AND e.waiting_on = ''
    AND (s.place > room.room OR s.is_behind AND s.place_behind > room.lane)
RETURNING e.id

-- name: hold_executor
-- Its row, and no other claim of it is made at the same time. `free`: how many more it may hold.
SELECT x.id, x.tenant_id, x.name, x.capabilities, x.queues, x.lease_id,
    x.state = 'active' AND NOT x.draining AND x.lease_expires_at > clock_timestamp() AS takes_work,
    x.max_concurrent - (SELECT count(*) FROM execution e WHERE e.worker_id = x.lease_id AND e.state = 'running') AS free
FROM executor x WHERE x.id = %(id)s AND x.tenant_id = %(tenant_id)s FOR NO KEY UPDATE OF x

-- name: claimable
-- What is published for an executor, in the order of its tenant's line. What another is taking just now is passed over.
SELECT e.id, e.attempt
FROM execution e LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
WHERE e.tenant_id = %(tenant_id)s AND e.queue_id = ANY(%(queues)s) AND e.state = 'queued'
    AND carillon_fits(%(name)s, %(capabilities)s, carillon_needs(r.spec, e.payload))
ORDER BY e.priority DESC, e.not_before, e.id LIMIT %(limit)s FOR NO KEY UPDATE OF e SKIP LOCKED

-- name: have_something
-- Of executors that wait, those for which something is published.
SELECT x.id FROM executor x
WHERE x.id = ANY(%(ids)s) AND x.state = 'active' AND NOT x.draining AND EXISTS (
    SELECT 1 FROM execution e LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
    WHERE e.tenant_id = x.tenant_id AND e.queue_id = ANY(x.queues) AND e.state = 'queued'
        AND carillon_fits(x.name, x.capabilities, carillon_needs(r.spec, e.payload)))

-- name: hold_claim
-- An execution that an executor speaks of, locked; its claim as `claim` tells it, and whether that still holds.
SELECT e.id, carillon_child_id(e.id, e.epoch::text) AS attempt_id, e.tenant_id, t.slug AS tenant, t.allowed_hosts,
    t.allowed_callables, t.allowed_queues, t.allowed_job_types, t.max_log_bytes, e.queue_id AS queue, e.job_id, j.name AS job,
    r.spec, e.payload, e.event, e.attempt, e.crashes, e.epoch, e.timeout_seconds, j.soft_timeout_seconds,
    extract(epoch FROM coalesce(e.expires_at, e.started_at + make_interval(secs => j.max_total_seconds))
        - clock_timestamp())::float8 AS seconds_left,
    j.pause_after_failures IS NOT NULL AS is_counted,
    e.state = 'running' AND e.worker_id = x.lease_id AND x.lease_expires_at > clock_timestamp() AS holds,
    e.cancel_requested_at IS NOT NULL AS cancelled, x.id AS executor_id,
    extract(epoch FROM clock_timestamp() - e.started_at)::float8 AS took
FROM execution e
JOIN job j ON j.id = e.job_id JOIN tenant t ON t.id = e.tenant_id
LEFT JOIN executor x ON x.lease_id = e.worker_id
LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
WHERE e.id = %(id)s AND e.tenant_id = %(tenant_id)s FOR NO KEY UPDATE OF e

-- name: last_line
-- The number of its last line, asked for once its row is locked: the statement that waits for the lock sees the log as it was.
SELECT coalesce(max(last_seq), 0) AS last_seq FROM execution_log WHERE execution_id = %(id)s

-- name: logged
-- What an attempt has logged so far, counted as it was sent.
SELECT coalesce(sum(size), 0)::bigint AS size FROM execution_log WHERE execution_id = %(id)s AND epoch = %(epoch)s

-- name: append_sent
-- A chunk under the executor's own number for it: one that comes again, because its answer was lost, is stored once.
INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines, size)
VALUES (carillon_child_id(%(id)s, %(epoch)s::text || ':sent:' || %(chunk)s::text), %(tenant_id)s, %(id)s, %(attempt)s, %(epoch)s,
    %(first_seq)s, %(first_seq)s::bigint + jsonb_array_length(%(lines)s) - 1, %(lines)s, %(size)s)
ON CONFLICT (id) DO NOTHING RETURNING id

-- name: held_by
-- What an executor's process runs, and of what somebody wants it to stop. `settled`: claimed a while ago, so that it
-- must know of it.
SELECT e.id, e.epoch, carillon_child_id(e.id, e.epoch::text) AS attempt_id, e.cancel_requested_at IS NOT NULL AS cancelled,
    e.started_at < clock_timestamp() - interval '10 seconds' AS settled
FROM execution e WHERE e.worker_id = %(lease_id)s AND e.state = 'running' ORDER BY e.id

-- name: overdue_claims
-- What executors that live should have ended and have not: out of time, or asked to stop so long ago. Nobody there
-- is waited for. What a dead one held is `lost_owners`'s.
SELECT e.id, carillon_child_id(e.id, e.epoch::text) AS attempt_id, e.epoch, e.attempt, e.crashes, r.spec, e.timeout_seconds,
    e.cancel_requested_at < clock_timestamp() - %(grace)s::interval AS cancelled, x.name AS worker,
    limits.total_until IS NOT NULL AND limits.total_until < clock_timestamp() AS used_up
FROM executor x JOIN execution e ON e.worker_id = x.lease_id AND e.state = 'running'
JOIN job j ON j.id = e.job_id
LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
CROSS JOIN LATERAL (
    SELECT coalesce(e.expires_at, e.started_at + make_interval(secs => j.max_total_seconds)) AS total_until
) limits
WHERE x.lease_expires_at > clock_timestamp() AND (e.cancel_requested_at < clock_timestamp() - %(grace)s::interval
    OR least(e.started_at + make_interval(secs => e.timeout_seconds), limits.total_until) < clock_timestamp())
ORDER BY e.id LIMIT %(limit)s
