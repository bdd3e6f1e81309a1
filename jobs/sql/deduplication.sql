-- Keys of requests that make one execution. A key is one row of reservations, which names the execution that has it.

-- name: take_key
-- No row back: it is there. Whoever comes at the same moment waits here for the end of the first one's transaction.
INSERT INTO reservation (id, tenant_id, scope, actor, key, fingerprint, execution_id, expires_at)
VALUES (%(id)s, %(tenant_id)s, %(scope)s, '', %(key)s, '', %(execution_id)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT DO NOTHING RETURNING id

-- name: holder_of_key
-- The state is the execution's own, so that an end gives its key back without writing here; NULL where it is not kept any
-- more. The LIMIT 1 says that this costs one look.
SELECT r.id, r.execution_id, r.expires_at > clock_timestamp() AS is_within,
    (SELECT e.state FROM execution e WHERE e.id = r.execution_id LIMIT 1) AS state
FROM reservation r
WHERE r.tenant_id = %(tenant_id)s AND r.scope = %(scope)s AND r.actor = '' AND r.key = %(key)s

-- name: lock_key
-- Who has it is read in a statement of its own: this one's snapshot is from before the wait.
SELECT id FROM reservation
WHERE tenant_id = %(tenant_id)s AND scope = %(scope)s AND actor = '' AND key = %(key)s FOR NO KEY UPDATE

-- name: take_key_over
-- The caller has locked it.
UPDATE reservation SET execution_id = %(execution_id)s, expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE id = %(id)s
