-- Who holds on to a queue: asked when one is changed or deleted, which is seldom.

-- name: hold_queue
-- For whoever is about to refer to a queue: its pool, and it is neither deleted nor given another before the end of the
-- transaction. What the foreign key takes at the end, taken before the pool is judged.
SELECT pool FROM queue WHERE name = %(queue)s FOR KEY SHARE

-- name: queue_users
-- Jobs that may still start something there, and whether anything of it has not ended. By tenant and state, because no
-- index of executions begins with the queue whatever the state.
SELECT (SELECT count(*) FROM job j WHERE j.queue_id = %(queue)s AND j.state <> 'deleted') AS jobs,
    EXISTS (
        SELECT FROM tenant t CROSS JOIN LATERAL (
            SELECT FROM execution e
            WHERE e.tenant_id = t.id AND e.state = ANY(%(states)s) AND e.queue_id = %(queue)s LIMIT 1
        ) alive
    ) AS busy

-- name: readers_of_jobs
-- Transactions that have read a job and may still make an execution in the queue it named then: the lock on the table is
-- kept to their end. Vacuum's is of another mode.
SELECT DISTINCT virtualtransaction AS reader FROM pg_locks
WHERE locktype = 'relation' AND relation = 'job'::regclass AND granted AND mode <> 'ShareUpdateExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
