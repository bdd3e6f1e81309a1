-- Failures of one kind, from the newest failed executions of a window: the cost is bounded by how many are read.

-- name: group_failures
-- A window is a range of ids, which begin with an execution's instant. At most `most` are read, newest first, and
-- `total` says how many that was. That those without
-- a fingerprint are left out is said later: said here, the index of fingerprints would be read whole instead. Of each group only the newest few jobs are named.
-- One that somebody has resolved, of all jobs or of the one that is asked for, came back with its first failure after that.
WITH newest AS MATERIALIZED (
    SELECT e.id, e.job_id, e.error_code, e.error_message, e.error_fingerprint, e.finished_at FROM execution e
    WHERE e.tenant_id = %(tenant_id)s AND e.state = 'failed' AND e.id >= %(since)s
        AND (%(job_id)s::uuid IS NULL OR e.job_id = %(job_id)s)
        AND (%(fingerprint)s::text IS NULL OR e.error_fingerprint = %(fingerprint)s)
    ORDER BY e.id DESC LIMIT %(most)s
), counted AS (
    SELECT n.error_fingerprint AS fingerprint, count(*) AS count, min(n.finished_at) AS first_seen_at,
        max(n.finished_at) AS last_seen_at, (array_agg(n.id ORDER BY n.id DESC))[1] AS sample_execution,
        count(DISTINCT n.job_id) AS job_count, (array_agg(DISTINCT n.job_id))[1:5] AS job_ids,
        count(*) FILTER (WHERE EXISTS (
            SELECT FROM dead_letter d WHERE d.execution_id = n.id AND d.state = 'open')) AS open
    FROM newest n WHERE n.error_fingerprint <> '' GROUP BY n.error_fingerprint
)
SELECT c.*, r.resolved_at, r.resolved_by, r.note, CASE WHEN r.resolved_at < c.last_seen_at THEN (
        SELECT min(a.finished_at) FROM newest a
        WHERE a.error_fingerprint = c.fingerprint AND a.finished_at > r.resolved_at) END AS came_back_at,
    n.error_code AS code, n.error_message AS message, (SELECT count(*) FROM newest) AS total,
    ARRAY(SELECT j.name FROM unnest(c.job_ids) WITH ORDINALITY AS k(id, place)
          CROSS JOIN LATERAL (SELECT name FROM job WHERE job.id = k.id LIMIT 1) j ORDER BY k.place) AS job_names
FROM counted c JOIN newest n ON n.id = c.sample_execution
LEFT JOIN LATERAL (
    SELECT resolved_at, resolved_by, note FROM failure_resolution f
    WHERE f.tenant_id = %(tenant_id)s AND f.fingerprint = c.fingerprint
        AND (f.job_id IS NULL OR f.job_id = %(job_id)s)
    ORDER BY resolved_at DESC LIMIT 1
) r ON true
ORDER BY CASE WHEN %(largest)s THEN c.count END DESC, c.last_seen_at DESC, c.fingerprint LIMIT %(limit)s
