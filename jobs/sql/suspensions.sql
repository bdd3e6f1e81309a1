-- Executions that have begun and wait for what somebody else ends. What moves them on is in transitions.sql.

-- name: wake
-- Those of these that have begun and not ended go on at once, or as soon as they are suspended: what runs keeps `resume_at`
-- until it ends or goes on later, so whoever wakes it a moment too early is heard. In the order of their ids, as everybody locks them.
WITH held AS MATERIALIZED (
    SELECT id FROM execution WHERE id = ANY(%(ids)s) AND epoch > 0 AND finished_at IS NULL ORDER BY id FOR NO KEY UPDATE
)
UPDATE execution SET resume_at = clock_timestamp()
WHERE id = ANY(ARRAY(SELECT id FROM held)) AND finished_at IS NULL RETURNING id
