-- Who holds on to a queue: asked when one is changed or deleted, which is seldom.

-- name: queue_is_busy
-- Whether anything of it has not ended. By tenant and state, because no index of executions begins with the queue
-- whatever the state.
SELECT EXISTS (
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
