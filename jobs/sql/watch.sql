-- What the watchdog looks for. Pages go by key, so a page full of healthy long runs hides nobody.

-- name: lost_owners
-- Running, and its owner is gone: no lease, or the process that claimed it is no longer among the
-- owner's. Two seconds of slack: a process forked and claiming while the list was being read is in
-- the next one. A worker may take its first message before its own row is stored: one that is not there
-- is given a lease's time. A row without owner is a parent ended by its children, not a lost one. What an executor claimed
-- has its lease, and no process that we could see. What a live process should have ended `late` ago it does not know of, or
-- it stands still: a claim may come to pass after its answer was given up.
SELECT e.id, carillon_child_id(e.id, e.epoch::text) AS attempt_id, e.epoch, e.attempt, e.crashes, e.worker_pid, e.batch_size,
    e.cancel_requested_at IS NOT NULL AS cancelled, r.spec, coalesce(w.name, x.name, '') AS worker, x.id IS NOT NULL AS is_external,
    w.lease_expires_at >= clock_timestamp() AND e.worker_pid = ANY(w.pids) AS is_late
FROM execution e
LEFT JOIN worker w ON w.id = e.worker_id
LEFT JOIN executor x ON x.lease_id = e.worker_id
LEFT JOIN job_revision r ON r.job_id = e.job_id AND r.number = e.revision
WHERE e.state = 'running' AND e.worker_id IS NOT NULL AND e.id > %(after)s
    AND (w.id IS NULL AND x.id IS NULL AND e.started_at < clock_timestamp() - %(lease)s OR x.lease_expires_at < clock_timestamp() OR w.lease_expires_at < clock_timestamp()
         OR (NOT e.worker_pid = ANY(w.pids) AND e.started_at < w.renewed_at - interval '2 seconds')
         OR (w.id IS NOT NULL AND e.started_at + make_interval(secs => e.timeout_seconds + e.batch_size) < clock_timestamp() - %(late)s))
ORDER BY e.id LIMIT %(limit)s

-- name: claimed_by
-- What of a message one process is said to run: after a claim whose answer was lost, nothing of it is true.
SELECT id, carillon_child_id(id, epoch::text) AS attempt_id, epoch FROM execution
WHERE id = ANY(%(ids)s) AND state = 'running' AND worker_id = %(worker_id)s AND worker_pid = %(pid)s

-- name: queued_counts
-- What executors claim is never in the broker.
SELECT queue_id AS queue, count(*) AS queued FROM execution WHERE state = 'queued'
    AND queue_id <> ALL(ARRAY(SELECT name FROM queue WHERE pool = 'external')) GROUP BY queue_id

-- name: publish_again
-- The oldest of a queue's published rows that the broker seems to have lost; each at most once in 30 s.
WITH stranded AS MATERIALIZED (
    SELECT id FROM execution
    WHERE state = 'queued' AND queue_id = %(queue)s AND publish_again_at < clock_timestamp()
    ORDER BY publish_again_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE execution e SET publish_again_at = clock_timestamp() + interval '30 seconds'
FROM stranded WHERE e.id = stranded.id AND e.state = 'queued'
RETURNING e.id, e.attempt, e.timeout_seconds

-- name: allow_minutes
-- For what may have many rows to move or to search, in the open transaction only. A CASE is not evaluated
-- where the setting is not known, before PostgreSQL 17.
SELECT set_config('statement_timeout', '15min', true),
    CASE WHEN current_setting('server_version_num')::int >= 170000 THEN set_config('transaction_timeout', '20min', true) END

-- name: make_partition
SELECT carillon_make_partition(%(parent)s, clock_timestamp() + %(ahead)s) AS made

-- name: drop_partitions
SELECT carillon_drop_partitions(%(parent)s, clock_timestamp() - %(age)s) AS dropped

-- name: default_rows
-- Rows in a DEFAULT partition mean that a week was missing: an alarm, healed by making the week.
SELECT (SELECT count(*) FROM execution_default) + (SELECT count(*) FROM event_default) AS stray

-- name: raise_waiting
-- What has waited long rises within its tenant: a step of priority for each `ageing_seconds` of its queue since it was due.
-- The oldest of each priority are found at the ends of the index's ranges, tenant by tenant and cap by cap (a page of those,
-- in the order of their keys), so the cost follows who has a backlog and not how long that is; and so many at most rise in
-- one look, which are those that have waited longest. All lines share what is read of each priority. What goes behind live work stays there.
WITH RECURSIVE walk AS (
    (SELECT queue_id, tenant_id FROM execution WHERE state = 'pending' AND waiting_on = '' AND %(after)s = ''
     ORDER BY queue_id, tenant_id LIMIT 1)
    UNION ALL
    SELECT n.queue_id, n.tenant_id FROM walk CROSS JOIN LATERAL (
        SELECT e.queue_id, e.tenant_id FROM execution e WHERE e.state = 'pending' AND e.waiting_on = ''
            AND (e.queue_id, e.tenant_id) > (walk.queue_id, walk.tenant_id) ORDER BY e.queue_id, e.tenant_id LIMIT 1) n
), parked (waiting_on, place) AS (
    (SELECT waiting_on, 1 FROM execution WHERE state = 'pending' AND waiting_on <> '' AND waiting_on > %(after)s
     ORDER BY waiting_on LIMIT 1)
    UNION ALL
    SELECT n.waiting_on, parked.place + 1 FROM parked CROSS JOIN LATERAL (
        SELECT e.waiting_on FROM execution e WHERE e.state = 'pending' AND e.waiting_on <> ''
            AND e.waiting_on > parked.waiting_on ORDER BY e.waiting_on LIMIT 1) n
    WHERE parked.place < %(page)s
), share AS (
    SELECT least(100, greatest(5, %(most)s / greatest((SELECT count(*) FROM walk) + (SELECT count(*) FROM parked), 1))) AS many
), found AS (
    SELECT o.id, o.queue_id, o.priority, o.base_priority, o.not_before
    FROM walk JOIN queue q ON q.name = walk.queue_id AND q.ageing_seconds IS NOT NULL CROSS JOIN generate_series(0, 8) AS p(priority)
    CROSS JOIN LATERAL (
        SELECT id, queue_id, priority, base_priority, not_before FROM execution e WHERE e.queue_id = walk.queue_id AND e.tenant_id = walk.tenant_id AND e.state = 'pending'
            AND e.waiting_on = '' AND e.priority = p.priority
            AND e.not_before <= statement_timestamp() - q.ageing_seconds * interval '1 second'
        ORDER BY e.not_before, e.id LIMIT (SELECT many FROM share)) o
    UNION ALL
    SELECT o.id, o.queue_id, o.priority, o.base_priority, o.not_before
    FROM parked CROSS JOIN generate_series(0, 8) AS p(priority)
    CROSS JOIN LATERAL (
        SELECT id, queue_id, priority, base_priority, not_before FROM execution e WHERE e.state = 'pending' AND e.waiting_on = parked.waiting_on AND e.waiting_on <> ''
            AND e.priority = p.priority AND e.not_before <= statement_timestamp() - interval '10 seconds'
        ORDER BY e.not_before, e.id LIMIT (SELECT many FROM share)) o
), aged AS MATERIALIZED (
    SELECT f.id, r.priority FROM found f JOIN queue q ON q.name = f.queue_id
    CROSS JOIN LATERAL (SELECT least(9, coalesce(f.base_priority, f.priority)
        + floor(extract(epoch FROM statement_timestamp() - f.not_before) / q.ageing_seconds))::smallint AS priority) r
    WHERE q.ageing_seconds IS NOT NULL AND r.priority > f.priority
    ORDER BY f.not_before, f.id LIMIT %(limit)s
), locked AS MATERIALIZED (
    SELECT e.id, a.priority FROM execution e JOIN aged a ON a.id = e.id
    WHERE e.id = ANY(ARRAY(SELECT id FROM aged)) AND e.state = 'pending' FOR NO KEY UPDATE OF e SKIP LOCKED
), raised AS (
    UPDATE execution e SET base_priority = coalesce(e.base_priority, e.priority), priority = l.priority
    FROM locked l WHERE e.id = l.id AND e.id = ANY(ARRAY(SELECT id FROM locked)) AND e.state = 'pending' RETURNING e.id
)
SELECT (SELECT count(*) FROM raised) AS raised,
    (SELECT max(waiting_on) FROM parked HAVING count(*) = %(page)s) AS last

-- name: prune_buckets
-- A bucket that is full again says nothing that its absence does not. One that admission draws from just now is passed over:
-- it draws from several, in any order.
DELETE FROM rate_bucket WHERE full_at < clock_timestamp() AND key = ANY(ARRAY(
    SELECT key FROM rate_bucket WHERE full_at < clock_timestamp() FOR UPDATE SKIP LOCKED))

-- name: expire_reservations
-- A deduplication key is held beyond its window while its execution has not ended. It goes an hour late: until then one
-- that is taken over by a request at this very moment has a new instant, and the row is looked at again before it goes.
DELETE FROM reservation WHERE id = ANY(ARRAY(
    SELECT id FROM reservation r WHERE expires_at < clock_timestamp() AND (scope NOT LIKE 'dedup:%%'
        OR expires_at < clock_timestamp() - interval '1 hour'
            AND (SELECT finished_at IS NULL FROM execution e WHERE e.id = r.execution_id LIMIT 1) IS NOT TRUE)
    ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING id

-- name: prune_resolutions
-- Kept as long as executions are: what fails so again after that is new.
DELETE FROM failure_resolution WHERE resolved_at < clock_timestamp() - %(age)s
