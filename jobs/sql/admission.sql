-- What admission reads and un-parks. Admission itself, which writes the state, is in transitions.sql.

-- name: lock_admission
-- One admission at a time for the installation. A statement of its own: the count that follows must
-- read a snapshot taken after the lock, or two rounds could each fill the same room.
SELECT pg_try_advisory_xact_lock(%(key)s) AS held

-- name: wake_parked
-- A cap with room takes as many as it has room for out of its parking. Looked at are the caps of the jobs that
-- something was told of since `horizon` (whatever ends, goes on later or changes a job's caps tells an event), and a
-- page of all caps in the order of their keys, by which the watchdog goes round: the cost follows what ends, not what
-- is parked. The horizon returned is this snapshot's: an end it cannot see yet has a later transaction id, so the next
-- round hears of it, in whatever order a finish and an admission commit. Only the newest thousand events: while a long
-- transaction holds the horizon back, the older ones have been heard. Admission looks once more, so a wrong guess here
-- costs a round and breaks no cap; SKIP LOCKED, since admission and watchdog may meet.
WITH RECURSIVE told AS MATERIALIZED (
    SELECT DISTINCT job_id FROM (
        SELECT job_id FROM event
        WHERE xid >= %(horizon)s::xid8
            AND (SELECT true FROM execution WHERE state = 'pending' AND waiting_on <> '' ORDER BY waiting_on LIMIT 1)
        ORDER BY xid DESC, id DESC LIMIT 1000
    ) newest WHERE job_id IS NOT NULL
), walk (waiting_on, place) AS (
    (SELECT waiting_on, 1 FROM execution
     WHERE state = 'pending' AND waiting_on <> '' AND waiting_on > %(after)s AND %(page)s > 0 ORDER BY waiting_on LIMIT 1)
    UNION ALL
    SELECT (SELECT e.waiting_on FROM execution e WHERE e.state = 'pending' AND e.waiting_on <> ''
            AND e.waiting_on > walk.waiting_on ORDER BY e.waiting_on LIMIT 1), walk.place + 1
    FROM walk WHERE walk.waiting_on IS NOT NULL AND walk.place < %(page)s
), keys AS MATERIALIZED (
    SELECT waiting_on FROM walk WHERE waiting_on IS NOT NULL
    UNION
    SELECT p.waiting_on FROM told
    CROSS JOIN LATERAL (VALUES ('job:' || told.job_id), ('slot:' || told.job_id), ('held:' || told.job_id)) AS k(waiting_on)
    CROSS JOIN LATERAL (SELECT e.waiting_on FROM execution e
        WHERE e.state = 'pending' AND e.waiting_on <> '' AND e.waiting_on = k.waiting_on LIMIT 1) p
), caps AS (
    SELECT k.waiting_on,
        CASE split_part(k.waiting_on, ':', 1)
            WHEN 'held' THEN CASE WHEN j.state IN ('disabled', 'deleted') THEN 0 ELSE 1000 END
            WHEN 'slot' THEN CASE WHEN j.overlap = 'allow' THEN 1000 ELSE 1 - f.slots END
            ELSE coalesce(j.max_running - f.total, 1000)
        END AS room
    FROM keys k
    CROSS JOIN LATERAL (SELECT * FROM job WHERE job.id = split_part(k.waiting_on, ':', 2)::uuid LIMIT 1) j
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE e.trigger = 'schedule') AS slots FROM execution e
        WHERE e.tenant_id = j.tenant_id AND e.job_id = j.id AND e.state IN ('queued', 'running')
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
-- Per open queue: slots of live workers, what is published and unclaimed, and room under the queue's cap.
SELECT q.name AS queue, w.slots,
    (SELECT count(*) FROM execution e WHERE e.queue_id = q.name AND e.state = 'queued') AS queued,
    CASE WHEN q.max_running IS NOT NULL THEN q.max_running - (
        SELECT count(*) FROM execution e WHERE e.queue_id = q.name AND e.state IN ('queued', 'running')) END AS room
FROM queue q
CROSS JOIN LATERAL (
    SELECT coalesce(sum(concurrency), 0)::int AS slots FROM worker
    WHERE q.name = ANY(queues) AND lease_expires_at > clock_timestamp() AND NOT draining
) w
WHERE q.paused_at IS NULL ORDER BY q.name

-- name: next_instants
-- When the timer must look again: the next row to ripen, the next schedule to plan. Read with the clock
-- they are compared to. The order of the last keeps to the index: EXISTS would read the table and expect
-- to be lucky soon, past all that has ended.
SELECT clock_timestamp() AS now,
    (SELECT not_before FROM execution WHERE state = 'scheduled' ORDER BY not_before LIMIT 1) AS ripens_at,
    (SELECT due_at FROM schedule WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1) AS plans_at,
    coalesce((SELECT true FROM execution WHERE state = 'pending' AND waiting_on = '' ORDER BY queue_id LIMIT 1), false)
        AS backlog

-- name: clock
SELECT clock_timestamp() AS now
