-- What quotas count. The room for unfinished executions is drawn in a function of the database, carillon_draw: a count
-- and the lock it is taken under must be two statements, each with a snapshot of its own.

-- name: draw
-- Room for so many more unfinished executions of a tenant. Drawn from what the last count left, which costs one row; a
-- new count only when that is used up. Executions that end meanwhile only make it more than is known, never less, and
-- whoever draws holds the row until it commits: so there is never one more than the quota. `unfinished` is NULL where
-- nothing was counted.
SELECT granted, unfinished FROM carillon_draw(%(tenant_id)s, %(wanted)s, %(most)s)

-- name: lock_quota
-- Makes of the same kind, in one tenant, wait for each other. Jobs and schedules are made seldom, so under a small quota
-- they are counted each time.
SELECT pg_advisory_xact_lock(hashtext(%(quota)s), hashtext(%(tenant_id)s))

-- name: take_room
-- One more under a large quota, from what the last count left. Nothing where that is used up, or was counted for another.
UPDATE quota_room SET room = room - 1 WHERE id = %(id)s AND most = %(most)s AND room > 0 RETURNING room

-- name: note_room
-- What a new count has left.
INSERT INTO quota_room (id, tenant_id, most, room, counted_at)
VALUES (%(id)s, %(tenant_id)s, %(most)s, %(room)s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET most = excluded.most, room = excluded.room, counted_at = excluded.counted_at

-- name: count_jobs
SELECT count(*) AS used FROM (
    SELECT FROM job j WHERE j.tenant_id = %(tenant_id)s AND j.state <> 'deleted' LIMIT %(most)s) counted

-- name: count_schedules
SELECT count(*) AS used FROM (
    SELECT FROM schedule s WHERE s.tenant_id = %(tenant_id)s AND s.state <> 'deleted' LIMIT %(most)s) counted

-- name: count_unfinished
-- The states are spelled out: each is a range of one index.
SELECT count(*) AS used FROM (
    SELECT FROM execution WHERE tenant_id = %(tenant_id)s
        AND state IN ('scheduled', 'blocked', 'pending', 'queued', 'running') LIMIT %(most)s) counted

-- name: count_in_state
SELECT count(*) AS used FROM (
    SELECT FROM execution WHERE tenant_id = %(tenant_id)s AND state = %(state)s LIMIT %(most)s) counted
