-- Bookmarks: how far a job has got. They outlive its attempts and its executions.

-- name: bookmark
SELECT value FROM bookmark WHERE job_id = %(job_id)s AND name = %(name)s

-- name: move_bookmark
-- Only while the claim holds: an attempt that was given up must not move what another one goes by.
INSERT INTO bookmark (id, tenant_id, job_id, name, value, moved_at, execution_id)
SELECT %(id)s, tenant_id, job_id, %(name)s, %(value)s, clock_timestamp(), id
FROM execution WHERE id = %(execution_id)s AND epoch = %(epoch)s AND state = 'running'
ON CONFLICT (job_id, name) DO UPDATE
SET value = excluded.value, moved_at = excluded.moved_at, execution_id = excluded.execution_id
RETURNING id
