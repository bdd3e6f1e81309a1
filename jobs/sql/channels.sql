-- Messages to the channels of jobs: an outbox. Made of events by a cursor as usage is counted, see count_usage.

-- name: make_messages
-- Each event is read once, in the order of transactions, up to the oldest that is still open: no end is passed over, and
-- none costs its own transaction anything. What is older than the horizon is no news. Few jobs have channels: those are
-- looked up by an index of their own.
WITH cursor AS MATERIALIZED (
    SELECT xid, event_id FROM channel_cursor WHERE id = 1 FOR UPDATE SKIP LOCKED
), told AS MATERIALIZED (
    SELECT e.* FROM cursor c CROSS JOIN LATERAL (
        SELECT xid, id, tenant_id, kind, job_id, execution_id, created_at FROM event
        WHERE (xid, id) > (c.xid, c.event_id) AND xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY xid, id LIMIT %(limit)s) e
), speaking AS MATERIALIZED (
    SELECT id, on_failure, on_success FROM job WHERE on_failure <> '[]' OR on_success <> '[]'
), made AS (
    INSERT INTO channel_message (id, tenant_id, job_id, execution_id, channel, ended, state, tries, next_at, problem, created_at)
    SELECT carillon_child_id(t.execution_id, 'channel:' || c.name), t.tenant_id, t.job_id, t.execution_id, c.name,
        split_part(t.kind, '.', 2), 'waiting', 0, clock_timestamp(), '', clock_timestamp()
    FROM told t JOIN speaking j ON j.id = t.job_id CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE t.kind WHEN 'execution.failed' THEN j.on_failure ELSE j.on_success END) c(name)
    WHERE t.kind IN ('execution.failed', 'execution.succeeded') AND t.created_at > clock_timestamp() - %(horizon)s
    ON CONFLICT (id) DO NOTHING
), moved AS (
    UPDATE channel_cursor c SET xid = t.xid, event_id = t.id
    FROM (SELECT xid, id FROM told ORDER BY xid DESC, id DESC LIMIT 1) t WHERE c.id = 1
)
SELECT count(*) AS told FROM told

-- name: take_messages
-- Those that are due, of each tenant in turn. A try is counted as it begins, and the next one put off: whoever sends may
-- die with it, and another sends it again then.
WITH due AS MATERIALIZED (
    SELECT id, row_number() OVER (PARTITION BY tenant_id ORDER BY next_at, id) AS place, next_at
    FROM channel_message WHERE state = 'waiting' AND next_at <= clock_timestamp()
), chosen AS MATERIALIZED (
    SELECT id FROM channel_message
    WHERE id = ANY(ARRAY(SELECT id FROM due ORDER BY place, next_at, id LIMIT %(limit)s)) AND state = 'waiting'
        AND next_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE channel_message m SET tries = m.tries + 1,
        next_at = clock_timestamp() + make_interval(secs => least(%(first)s::float8 * 2 ^ m.tries, 3600))
    FROM chosen c WHERE m.id = c.id
    RETURNING m.id, m.tenant_id, m.job_id, m.execution_id, m.channel, m.ended, m.tries
)
SELECT m.*, t.slug AS tenant, t.allowed_hosts, j.name AS job, e.attempt, e.error_code, e.error_message, e.finished_at
FROM taken m JOIN tenant t ON t.id = m.tenant_id JOIN job j ON j.id = m.job_id
LEFT JOIN LATERAL (SELECT * FROM execution WHERE execution.id = m.execution_id LIMIT 1) e ON true

-- name: message_sent
UPDATE channel_message SET state = 'sent', problem = '', finished_at = clock_timestamp()
WHERE id = %(id)s AND state = 'waiting' RETURNING id

-- name: message_not_sent
-- After its last try it is given up, which is an event.
WITH tried AS (
    UPDATE channel_message SET problem = %(problem)s,
        state = CASE WHEN %(final)s OR tries >= %(most)s THEN 'given_up' ELSE 'waiting' END,
        finished_at = CASE WHEN %(final)s OR tries >= %(most)s THEN clock_timestamp() END
    WHERE id = %(id)s AND state = 'waiting'
    RETURNING *
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(execution_id, 'given_up:' || channel), tenant_id, 'channel.given_up', job_id, execution_id,
        jsonb_build_object('channel', channel, 'problem', problem), clock_timestamp()
    FROM tried WHERE state = 'given_up'
)
SELECT state FROM tried

-- name: forget_messages
DELETE FROM channel_message WHERE id = ANY(ARRAY(
    SELECT id FROM channel_message WHERE created_at < clock_timestamp() - %(age)s AND state <> 'waiting'
    ORDER BY created_at LIMIT %(limit)s))
RETURNING id
