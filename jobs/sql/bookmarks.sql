-- Bookmarks: how far a job has got. They outlive its attempts and its executions.

-- name: bookmark
SELECT value FROM bookmark WHERE job_id = %(job_id)s AND name = %(name)s

-- name: move_bookmark
-- Only while the claim holds: an attempt that was given up must not move what another one goes by. `moved` is false as well
-- where the job has as many as it may, and none of that name.
WITH held AS (
    SELECT tenant_id, id FROM execution WHERE id = %(execution_id)s AND epoch = %(epoch)s AND state = 'running'
), moved AS (
    INSERT INTO bookmark (id, tenant_id, job_id, name, value, moved_at, execution_id)
    SELECT %(id)s, tenant_id, %(job_id)s::uuid, %(name)s::text, %(value)s, clock_timestamp(), id
    FROM held WHERE (SELECT count(*) FROM bookmark WHERE job_id = %(job_id)s::uuid AND name <> %(name)s::text) < %(most)s
    ON CONFLICT (job_id, name) DO UPDATE
    SET value = excluded.value, moved_at = excluded.moved_at, execution_id = excluded.execution_id
    RETURNING id
)
SELECT EXISTS (SELECT FROM held) AS holds, EXISTS (SELECT FROM moved) AS moved

-- name: prune_bookmarks
-- Those of deleted jobs: nobody goes by them any more.
DELETE FROM bookmark WHERE id = ANY(ARRAY(
    SELECT b.id FROM tenant t
    CROSS JOIN LATERAL (SELECT j.id FROM job j WHERE j.tenant_id = t.id AND j.state = 'deleted' OFFSET 0) k
    JOIN bookmark b ON b.job_id = k.id
    LIMIT %(limit)s)) RETURNING id
