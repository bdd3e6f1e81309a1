-- The graph of a tenant's dependencies.

-- name: hold_dependencies
-- Whoever adds an edge looks whether it closes a circle, and two who add one each at the same time would close one
-- together: so a tenant's graph is changed by one transaction after the other. Taken after the job's row.
SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s::text, 2048)) IS NULL AS held
