-- Failures of one kind, from the newest failed executions of a window: the cost is bounded by how many are read.

-- name: group_failures
-- A window is a range of ids, which begin with an execution's instant. At most `most` are read, newest first, and
-- `total` says how many that was. That those without
-- a fingerprint are left out is said later: said here, the index of fingerprints would be read whole instead. Of each group only the newest few jobs are named.
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
SELECT c.*, n.error_code AS code, n.error_message AS message, (SELECT count(*) FROM newest) AS total,
    ARRAY(SELECT j.name FROM unnest(c.job_ids) WITH ORDINALITY AS k(id, place)
          CROSS JOIN LATERAL (SELECT name FROM job WHERE job.id = k.id LIMIT 1) j ORDER BY k.place) AS job_names
FROM counted c JOIN newest n ON n.id = c.sample_execution
ORDER BY CASE WHEN %(largest)s THEN c.count END DESC, c.last_seen_at DESC, c.fingerprint LIMIT %(limit)s
