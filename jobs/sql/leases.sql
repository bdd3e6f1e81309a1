-- One row per worker boot; renewing it renews everything that worker runs.

-- name: renew_lease
-- The clock is read once: both instants and their distance, the lease, belong together.
INSERT INTO worker (id, name, queues, pool, concurrency, pid, pids, refuses, draining, started_at, renewed_at, lease_expires_at)
SELECT %(id)s, %(name)s, %(queues)s, %(pool)s, %(concurrency)s, %(pid)s, %(pids)s, %(refuses)s, %(draining)s, now, now, now + %(lease)s
FROM (SELECT clock_timestamp() AS now OFFSET 0) clock
ON CONFLICT (id) DO UPDATE SET pids = excluded.pids, draining = excluded.draining, concurrency = excluded.concurrency,
    renewed_at = excluded.renewed_at, lease_expires_at = excluded.lease_expires_at

-- name: end_lease
-- A clean end: whatever it still held is found at the next sweep instead of after the lease.
UPDATE worker SET lease_expires_at = clock_timestamp(), draining = true, pids = '{}' WHERE id = %(id)s

-- name: forget_workers
-- Rows of boots that ended long ago and hold nothing.
DELETE FROM worker w WHERE w.lease_expires_at < clock_timestamp() - interval '1 day'
    AND NOT EXISTS (SELECT 1 FROM execution e WHERE e.worker_id = w.id AND e.state = 'running')

-- name: pulse
INSERT INTO pulse (name, at) VALUES (%(name)s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE pulse.at < excluded.at - interval '0.5 seconds'

-- name: attend
-- What a process must know once a second of each attempt it runs: is it still mine, and does somebody want it stopped?
SELECT mine.id, e.cancelled
FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS mine(id, epoch)
CROSS JOIN LATERAL (
    SELECT cancel_requested_at IS NOT NULL AS cancelled FROM execution
    WHERE id = mine.id AND epoch = mine.epoch AND state = 'running' LIMIT 1
) e

-- name: append_log
-- Only while the claim holds: a worker that lost its lease adds nothing. A chunk whose answer was lost
-- comes again under its first number, perhaps with more lines.
INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)
SELECT carillon_child_id(id, epoch || ':' || %(first_seq)s::bigint), tenant_id, id, attempt, epoch, %(first_seq)s,
    %(first_seq)s::bigint + jsonb_array_length(%(lines)s) - 1, %(lines)s
FROM execution WHERE id = %(id)s AND epoch = %(epoch)s AND state = 'running'
ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq, lines = excluded.lines
