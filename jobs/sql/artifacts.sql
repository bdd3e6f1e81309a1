-- Artifacts: rows made after their bytes are stored, and deleted after these are gone.

-- name: artifact_terms
-- What holds for a tenant's next one, and what the one has that it replaces.
SELECT t.max_artifact_bytes, t.artifact_days, t.retention_days, coalesce(a.bytes, 0) AS replaced
FROM tenant t LEFT JOIN artifact a ON a.execution_id = %(execution_id)s AND a.name = %(name)s AND a.state = 'kept'
WHERE t.id = %(tenant_id)s

-- name: count_artifact_bytes
-- What a tenant's have together; one index tells.
SELECT coalesce(sum(bytes), 0)::bigint AS used FROM artifact WHERE tenant_id = %(tenant_id)s AND state = 'kept'

-- name: replace_artifact
-- A later attempt's takes the place of an earlier one of its name, whose bytes go with the next sweep at the latest.
UPDATE artifact SET state = 'deleted', expires_at = clock_timestamp()
WHERE execution_id = %(execution_id)s AND name = %(name)s AND state <> 'deleted'
RETURNING key

-- name: keep_artifact
-- Only while the claim holds: what an attempt has written that was given up meanwhile is nobody's.
INSERT INTO artifact (id, tenant_id, execution_id, attempt, name, bytes, sha256, content_type, key, state, created_at, expires_at)
SELECT %(id)s, e.tenant_id, e.id, e.attempt, %(name)s, %(bytes)s, %(sha256)s, %(content_type)s, %(key)s, 'kept',
    clock_timestamp(), clock_timestamp() + %(kept)s
FROM execution e WHERE e.id = %(execution_id)s AND e.epoch = %(epoch)s AND e.state = 'running'
RETURNING id

-- name: artifact_known
SELECT id FROM artifact WHERE key = %(key)s

-- name: count_artifacts
SELECT count(*) AS total FROM artifact WHERE execution_id = %(execution_id)s AND state <> 'deleted'

-- name: find_artifact
-- To be read by an execution of the same tenant.
SELECT id, key, bytes, sha256, state, expires_at > clock_timestamp() AS current FROM artifact
WHERE tenant_id = %(tenant_id)s AND execution_id = %(execution_id)s AND name = %(name)s AND state <> 'deleted'

-- name: shorten_artifacts
-- Whoever keeps them for less long than when they were made; no time that is set later makes one stay longer. Of each tenant
-- those that stay longest come first, by an index: most tenants have none, and theirs are not read.
WITH longer AS MATERIALIZED (
    SELECT a.id, a.until FROM tenant t CROSS JOIN LATERAL (SELECT least(%(artifacts)s::interval, make_interval(days => t.artifact_days),
        %(executions)s::interval, make_interval(days => t.retention_days)) AS kept OFFSET 0) k
    CROSS JOIN LATERAL (
        SELECT id, created_at + k.kept AS until FROM artifact
        WHERE tenant_id = t.id AND state <> 'deleted' AND expires_at - created_at > k.kept AND expires_at > created_at + k.kept
        ORDER BY expires_at - created_at DESC LIMIT %(limit)s) a
    LIMIT %(limit)s
)
UPDATE artifact a SET expires_at = l.until FROM longer l
WHERE a.id = l.id AND a.id = ANY(ARRAY(SELECT id FROM longer)) AND a.state <> 'deleted'
RETURNING a.id

-- name: expired_artifacts
SELECT id, key FROM artifact WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT %(limit)s

-- name: forget_artifacts
DELETE FROM artifact WHERE id = ANY(%(ids)s) RETURNING id

-- name: artifact_keys
-- Of one part of the store, with whether the execution is still there.
SELECT a.id, a.key, a.state, a.created_at < clock_timestamp() - %(age)s::interval AS settled,
    EXISTS (SELECT FROM execution e WHERE e.id = a.execution_id) AS wanted
FROM artifact a WHERE a.key BETWEEN %(low)s AND %(high)s

-- name: lose_artifacts
UPDATE artifact SET state = 'lost' WHERE id = ANY(%(ids)s) AND state = 'kept' RETURNING id, tenant_id, execution_id, name

-- name: drop_artifacts
-- Their bytes go with the next deletion.
UPDATE artifact SET state = 'deleted', expires_at = clock_timestamp()
WHERE id = ANY(%(ids)s) AND state <> 'deleted' RETURNING id
