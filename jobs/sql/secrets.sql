-- Which secrets a job names.

-- name: hold_secret_names
-- A job's payload and its schedules' are stored by several transactions; each then counts the names anew, one after the
-- other, whether or not it holds the job's row, so that the last one counts what all have stored. Taken last, it meets no
-- other lock.
SELECT pg_advisory_xact_lock(hashtextextended(%(job)s::text, 1024)) IS NULL AS held
