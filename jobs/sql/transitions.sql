-- Every statement that writes an execution's state. Sources and targets come as parameters from
-- jobs/rules/states.py wherever one statement serves several events; no row returned is a lost race.

-- name: create
-- Derived ids make a slot planned twice meet its own row. What is due and keeps to an operation's pace waits for that from
-- the first, however many there are: else live slots would have to ripen behind all of them. A slot whose job has gates is
-- blocked, and looked at by jobs.engine.gates when it is due.
-- What starts other jobs when it ends gets its workflow run here, so that no crash can part them: one look at the few edges
-- that start something, for each that is no step of a run itself (LIMIT 1: see admit). Replays and backfills do only if they say so.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(
        id uuid, tenant_id uuid, job_id uuid, schedule_id uuid, revision int, trigger text, triggered_by text,
        replay_of uuid, state text, reason text, scheduled_for timestamptz, folded_until timestamptz,
        folded_count bigint, not_before timestamptz, queue_id text, priority smallint, timeout_seconds float8,
        max_attempts int, payload jsonb, concurrency_key text, operation_id uuid, start_before timestamptz,
        event jsonb, workflow_run_id uuid, step text, decide_at timestamptz, with_downstream boolean, dedup_key text)
), gated AS MATERIALIZED (
    SELECT downstream_id FROM dependency WHERE mode = 'gate' AND downstream_id = ANY(ARRAY(
        SELECT DISTINCT job_id FROM given WHERE trigger = 'schedule' AND state = 'scheduled'))
), judged AS (
    SELECT *, operation_id IS NOT NULL AND state = 'scheduled' AND not_before <= clock_timestamp() AND NOT is_gated AS is_paced,
        workflow_run_id IS NULL AND state <> 'skipped'
            AND coalesce(with_downstream, trigger NOT IN ('replay', 'backfill'))
            AND (SELECT true FROM dependency d WHERE d.upstream_id = g.job_id AND d.mode = 'start' LIMIT 1) IS NOT NULL
            AS is_root
    FROM (SELECT *, trigger = 'schedule' AND state = 'scheduled' AND job_id IN (SELECT downstream_id FROM gated) AS is_gated
          FROM given) g
), paced AS (
    UPDATE operation SET paced_at = clock_timestamp()
    WHERE id = ANY(ARRAY(SELECT DISTINCT operation_id FROM judged WHERE is_paced))
), made AS (
    INSERT INTO execution (
        id, tenant_id, job_id, schedule_id, revision, trigger, triggered_by, replay_of, state, reason, scheduled_for,
        folded_until, folded_count, not_before, queue_id, priority, timeout_seconds, max_attempts, payload, concurrency_key,
        operation_id, start_before, event, workflow_run_id, step, decide_at, dedup_key,
        error_code, error_message, error_fingerprint, attempt, crashes, epoch, waiting_on, created_at, ripened_at, finished_at)
    SELECT id, tenant_id, job_id, schedule_id, revision, trigger, triggered_by, replay_of,
        CASE WHEN is_paced THEN 'pending' WHEN is_gated THEN 'blocked' ELSE state END, reason, scheduled_for,
        folded_until, folded_count, not_before, queue_id, priority, timeout_seconds, max_attempts, nullif(payload, 'null'),
        concurrency_key, operation_id, start_before, nullif(event, 'null'),
        CASE WHEN is_root THEN carillon_child_id(id, 'run') ELSE workflow_run_id END,
        CASE WHEN is_root THEN (SELECT name FROM job WHERE job.id = judged.job_id) ELSE coalesce(step, '') END,
        CASE WHEN is_gated THEN not_before ELSE decide_at END, coalesce(dedup_key, ''),
        '', '', '', 1, 0, 0, CASE WHEN is_paced THEN 'op:' || operation_id ELSE '' END,
        clock_timestamp(), CASE WHEN is_paced THEN clock_timestamp() END, CASE WHEN state = 'skipped' THEN clock_timestamp() END
    FROM judged
    ON CONFLICT (id) DO NOTHING
    RETURNING id, tenant_id, job_id, state, reason
), begun AS (
    INSERT INTO workflow_run (id, tenant_id, root_job_id, root_execution_id, state, graph, due_at, reruns, triggered_by, created_at)
    SELECT carillon_child_id(j.id, 'run'), j.tenant_id, j.job_id, j.id, 'planned', '{}', j.not_before, 0,
        coalesce(j.triggered_by, ''), clock_timestamp()
    FROM judged j WHERE j.is_root AND j.id IN (SELECT id FROM made)
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, 'skipped'), tenant_id, 'execution.skipped', job_id, id,
        jsonb_build_object('reason', reason), clock_timestamp()
    FROM made WHERE state = 'skipped'
)
SELECT id FROM made

-- name: claim
-- Compare-and-set: a duplicate message finds nothing and is dropped. Everything a runner needs comes back at once.
-- All members of a message are claimed together, at one instant, in the order of their ids, as everybody locks them; how many there were is kept,
-- so that a lost batch can be told apart from a crash. Of a job that was disabled or deleted meanwhile nothing starts, nor once an execution window has closed:
-- `withdraw` takes it back. Whoever wakes it from now on finds it running: see put_back. What has waited too long does not start either: `expire` ends it. What has begun is bound by no window any more: its retries go on.
WITH claimed AS (
    UPDATE execution e SET state = %(target)s, epoch = e.epoch + 1, worker_id = %(worker_id)s, worker_pid = %(pid)s, resume_at = NULL,
        started_at = (SELECT clock_timestamp()), publish_again_at = NULL, expires_at = CASE WHEN e.epoch > 0 THEN e.expires_at END, start_before = NULL, batch_size = cardinality(%(ids)s::uuid[])
    FROM (SELECT * FROM unnest(%(ids)s::uuid[], %(attempts)s::int[]) AS m(id, attempt) ORDER BY id) AS member
    WHERE e.id = member.id AND e.attempt = member.attempt AND e.state = ANY(%(sources)s)
        AND (e.start_before IS NULL OR e.start_before > clock_timestamp())
        AND (e.expires_at IS NULL OR e.expires_at > clock_timestamp())
        AND NOT EXISTS (SELECT 1 FROM job j WHERE j.id = e.job_id AND j.state IN ('disabled', 'deleted'))
    RETURNING e.*
), opened AS (
    INSERT INTO attempt (id, tenant_id, execution_id, number, epoch, state, worker_id, worker_pid, worker, queued_at,
        started_at, error_code, error_message)
    SELECT carillon_child_id(id, epoch::text), tenant_id, id, attempt, epoch, 'running', worker_id, worker_pid,
        %(worker)s, queued_at, started_at, '', ''
    FROM claimed
)
SELECT c.id, carillon_child_id(c.id, c.epoch::text) AS attempt_id, c.tenant_id, t.slug AS tenant, t.allowed_hosts,
    t.allowed_callables, t.allowed_tasks, t.allow_network, t.allow_requirements, t.allowed_queues, t.allowed_job_types, t.max_log_bytes, t.max_file_bytes, c.queue_id AS queue, c.job_id, j.name AS job, r.spec, c.payload, c.event, c.attempt, c.crashes, c.epoch, c.timeout_seconds,
    coalesce(extract(epoch FROM c.expires_at - clock_timestamp())::float8, j.max_total_seconds) AS seconds_left, j.soft_timeout_seconds,
    j.pause_after_failures IS NOT NULL AS is_counted,
    CASE WHEN c.epoch > 1
         THEN (SELECT coalesce(max(last_seq), 0) FROM execution_log l WHERE l.execution_id = c.id) ELSE 0 END AS last_seq
FROM claimed c
LEFT JOIN tenant t ON t.id = c.tenant_id
LEFT JOIN job j ON j.id = c.job_id
LEFT JOIN job_revision r ON r.job_id = c.job_id AND r.number = c.revision

-- name: end_running
-- One transaction: state, attempt, the rest of the log, the event, the dead letter. Several at once after a batch,
-- whose members began `waited` seconds after their claim and `took` so many. While it runs, limits and leases count from its
-- claim; from its end on it has started when its attempt first did, however often that was put off or suspended in between.
-- Only what was claimed more often than it was tried can have been.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(
        id uuid, attempt_id uuid, epoch int, result jsonb, first_seq bigint, lines jsonb, waited float8, took float8)
    ORDER BY id
), ended AS (
    UPDATE execution e SET state = %(target)s, result = r.result,
        started_at = least(e.started_at + make_interval(secs => r.waited), CASE WHEN e.epoch > e.attempt THEN (
            SELECT min(a.started_at) FROM attempt a WHERE a.execution_id = e.id AND a.number = e.attempt AND a.state IN ('deferred', 'suspended')
                AND a.id BETWEEN (left(e.id::text, 13) || '-0000-0000-000000000000')::uuid AND (left(e.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid) END),
        finished_at = coalesce(e.started_at + make_interval(secs => r.waited + r.took), clock_timestamp()),
        crashes = e.crashes + %(crashes)s, error_code = %(error_code)s, error_message = %(error_message)s,
        error_fingerprint = %(error_fingerprint)s
    FROM given r WHERE e.id = r.id AND e.epoch = r.epoch AND e.state = ANY(%(sources)s)
    RETURNING e.id, e.tenant_id, e.job_id, e.attempt, e.epoch, e.started_at, e.finished_at, e.concurrency_key, e.priority,
        e.operation_id, e.workflow_run_id
), closed AS (
    UPDATE attempt a SET state = %(attempt_state)s, started_at = a.started_at + make_interval(secs => r.waited), finished_at = ended.finished_at,
        result = r.result, error_code = %(error_code)s, error_message = %(error_message)s
    FROM ended JOIN given r ON r.id = ended.id WHERE a.id = r.attempt_id
), logged AS (
    INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)
    SELECT carillon_child_id(e.id, e.epoch || ':' || r.first_seq), e.tenant_id, e.id, e.attempt, e.epoch, r.first_seq,
        r.first_seq + jsonb_array_length(r.lines) - 1, r.lines
    FROM ended e JOIN given r ON r.id = e.id WHERE jsonb_array_length(r.lines) > 0
    ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq, lines = excluded.lines
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, %(target)s), tenant_id, 'execution.' || %(target)s, job_id, id,
        jsonb_build_object('attempt', attempt, 'error_code', %(error_code)s::text), clock_timestamp()
    FROM ended
), buried AS (
    INSERT INTO dead_letter (id, tenant_id, job_id, execution_id, error_code, error_message, error_fingerprint, state,
        closed_by, created_at)
    SELECT carillon_child_id(id, 'dead'), tenant_id, job_id, id, %(error_code)s, %(error_message)s,
        %(error_fingerprint)s, 'open', '', clock_timestamp()
    FROM ended WHERE %(target)s = 'failed'
)
SELECT e.id, e.priority < 0 OR e.workflow_run_id IS NOT NULL OR EXISTS (SELECT 1 FROM execution p WHERE p.state = 'pending' AND p.waiting_on <> ''
    AND p.waiting_on IN ('job:' || e.job_id, 'slot:' || e.job_id,
        'key:' || e.tenant_id || ':' || e.concurrency_key, 'op:' || e.operation_id))
    OR EXISTS (SELECT 1 FROM dependency d JOIN execution g ON g.job_id = d.downstream_id
        WHERE d.tenant_id = e.tenant_id AND d.upstream_id = e.job_id AND d.mode = 'gate'
            AND g.state = 'blocked' AND g.decide_at IS NOT NULL)
    AS frees_somebody,
    CASE WHEN %(target)s = 'failed' THEN (
        SELECT j.id FROM job j WHERE j.id = e.job_id AND j.pause_after_failures IS NOT NULL) END AS counted_job
FROM ended e

-- name: put_back
-- The execution goes on later: a retry, a release on shutdown, a deferral, a suspension. Not if somebody wants it cancelled,
-- or has deleted its job. From its first return on it must have ended within its job's max_total_seconds of its first start.
-- A suspended one goes on when it is woken; if it was while it still ran, it has `resume_at` already, and goes on at once.
-- While it waits it has started when its attempt first did: see end_running.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(
        id uuid, attempt_id uuid, epoch int, result jsonb, first_seq bigint, lines jsonb, waited float8)
    ORDER BY id
), moved AS (
    UPDATE execution e SET state = %(target)s, attempt = e.attempt + %(step)s, crashes = e.crashes + %(crashes)s,
        not_before = clock_timestamp() + %(delay)s,
        started_at = least(e.started_at, CASE WHEN e.epoch > e.attempt THEN (
            SELECT min(a.started_at) FROM attempt a WHERE a.execution_id = e.id AND a.number = e.attempt AND a.state IN ('deferred', 'suspended')
                AND a.id BETWEEN (left(e.id::text, 13) || '-0000-0000-000000000000')::uuid AND (left(e.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid) END),
        expires_at = coalesce(e.expires_at, e.started_at + make_interval(secs => r.waited) + make_interval(secs => (
            SELECT j.max_total_seconds FROM job j WHERE j.id = e.job_id))),
        resume_at = least(e.resume_at, clock_timestamp() + %(at_most)s),
        decide_at = NULL,
        worker_id = NULL, worker_pid = NULL, queued_at = NULL,
        error_code = %(error_code)s, error_message = %(error_message)s, error_fingerprint = %(error_fingerprint)s
    FROM given r
    WHERE e.id = r.id AND e.epoch = r.epoch AND e.state = ANY(%(sources)s) AND e.cancel_requested_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM job j WHERE j.id = e.job_id AND j.state = 'deleted')
    RETURNING e.id, e.tenant_id, e.job_id, e.attempt - %(step)s AS attempt, e.epoch, e.concurrency_key, e.priority,
        e.operation_id, CASE WHEN e.state = 'blocked' THEN e.resume_at ELSE e.not_before END AS again_at
), closed AS (
    UPDATE attempt a SET state = %(attempt_state)s, started_at = a.started_at + make_interval(secs => r.waited),
        finished_at = clock_timestamp(), result = r.result, error_code = %(error_code)s, error_message = %(error_message)s
    FROM moved JOIN given r ON r.id = moved.id WHERE a.id = r.attempt_id
), logged AS (
    INSERT INTO execution_log (id, tenant_id, execution_id, attempt, epoch, first_seq, last_seq, lines)
    SELECT carillon_child_id(m.id, m.epoch || ':' || r.first_seq), m.tenant_id, m.id, m.attempt, m.epoch, r.first_seq,
        r.first_seq + jsonb_array_length(r.lines) - 1, r.lines
    FROM moved m JOIN given r ON r.id = m.id WHERE jsonb_array_length(r.lines) > 0
    ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq, lines = excluded.lines
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, 'back:' || epoch), tenant_id, %(kind)s, job_id, id,
        jsonb_build_object('attempt', attempt, 'error_code', %(error_code)s::text, 'again_at', again_at), clock_timestamp()
    FROM moved
)
SELECT m.id, m.priority < 0 OR m.again_at <= clock_timestamp() OR EXISTS (SELECT 1 FROM execution p WHERE p.state = 'pending' AND p.waiting_on <> ''
    AND p.waiting_on IN ('job:' || m.job_id, 'slot:' || m.job_id,
        'key:' || m.tenant_id || ':' || m.concurrency_key, 'op:' || m.operation_id))
    AS frees_somebody
FROM moved m

-- name: expire
-- What waits for its first start longer than its job's max_wait_seconds is skipped; what has begun and waits for another
-- one, or is suspended, beyond max_total_seconds has failed. Sources and states are spelled out so that the index applies. Of the skipped the schedules
-- whose runs they were come back.
WITH late AS MATERIALIZED (
    SELECT id FROM execution
    WHERE expires_at <= clock_timestamp() AND state IN ('scheduled', 'blocked', 'pending', 'queued') AND state = ANY(%(sources)s)
    ORDER BY expires_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
), ended AS (
    UPDATE execution e SET state = CASE WHEN e.epoch = 0 THEN %(skipped)s ELSE %(failed)s END,
        finished_at = clock_timestamp(), waiting_on = '', queued_at = NULL, publish_again_at = NULL,
        reason = CASE WHEN e.epoch = 0 THEN %(reason)s ELSE '' END,
        error_code = CASE WHEN e.epoch = 0 THEN e.error_code ELSE %(error_code)s END,
        error_message = CASE WHEN e.epoch = 0 THEN e.error_message ELSE %(error_message)s END,
        error_fingerprint = CASE WHEN e.epoch = 0 THEN e.error_fingerprint ELSE %(error_fingerprint)s END
    WHERE id = ANY(ARRAY(SELECT id FROM late)) AND state = ANY(%(sources)s)
    RETURNING id, tenant_id, job_id, attempt, state, reason, error_code, error_message, error_fingerprint,
        CASE WHEN trigger = 'schedule' AND epoch = 0 THEN schedule_id END AS schedule_id
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, state), tenant_id, 'execution.' || state, job_id, id,
        jsonb_build_object('attempt', attempt, 'reason', reason, 'error_code', error_code), clock_timestamp()
    FROM ended
), buried AS (
    INSERT INTO dead_letter (id, tenant_id, job_id, execution_id, error_code, error_message, error_fingerprint, state,
        closed_by, created_at)
    SELECT carillon_child_id(id, 'dead'), tenant_id, job_id, id, error_code, error_message, error_fingerprint, 'open', '',
        clock_timestamp()
    FROM ended WHERE state = %(failed)s
)
SELECT count(*) AS ended, array_agg(schedule_id) FILTER (WHERE schedule_id IS NOT NULL) AS left_out,
    array_agg(job_id) FILTER (WHERE state = %(failed)s) AS failed
FROM ended

-- name: withdraw
-- Published and unclaimed while its queue, its tenant, its job or a tag of that is held, a maintenance window is open, its execution
-- window has closed, or no executor lives that takes it: back into line, so that nothing of it starts any more. Its message will find nothing; whoever is claiming it just now goes on. Held queues and
-- tenants are few, so their rows are looked up; disabled and deleted jobs may be many, so what is published
-- says which jobs to look at.
WITH held AS MATERIALIZED (
    SELECT id FROM execution WHERE state = 'queued' AND id = ANY(ARRAY(
        SELECT e.id FROM queue q CROSS JOIN LATERAL (
            SELECT id FROM execution WHERE queue_id = q.name AND state = 'queued' LIMIT %(limit)s) e
        WHERE q.paused_at IS NOT NULL
        UNION ALL
        SELECT e.id FROM queue q CROSS JOIN LATERAL (
            SELECT o.id FROM execution o LEFT JOIN job_revision r ON r.job_id = o.job_id AND r.number = o.revision
            WHERE o.queue_id = q.name AND o.state = 'queued' AND NOT EXISTS (
                SELECT 1 FROM executor x WHERE x.tenant_id = o.tenant_id AND q.name = ANY(x.queues) AND x.state = 'active'
                    AND NOT x.draining AND x.lease_expires_at > statement_timestamp()
                    AND carillon_fits(x.name, x.capabilities, carillon_needs(r.spec, o.payload)))
            LIMIT %(limit)s) e
        WHERE q.pool = 'external'
        UNION ALL
        SELECT e.id FROM tenant t CROSS JOIN LATERAL (
            SELECT id FROM execution WHERE tenant_id = t.id AND state = 'queued' LIMIT %(limit)s) e
        WHERE t.state <> 'active'
        UNION ALL
        SELECT e.id FROM (SELECT DISTINCT tenant_id, job_id FROM execution WHERE state = 'queued') d
        CROSS JOIN LATERAL (SELECT state FROM job WHERE job.id = d.job_id LIMIT 1) j
        CROSS JOIN LATERAL (SELECT CASE WHEN (
            SELECT true FROM tag WHERE paused_at IS NOT NULL AND (until IS NULL OR until > statement_timestamp()) LIMIT 1
        ) THEN carillon_tag_paused(d.tenant_id, d.job_id) ELSE false END AS is_paused) p
        CROSS JOIN LATERAL (
            SELECT id FROM execution WHERE tenant_id = d.tenant_id AND job_id = d.job_id AND state = 'queued'
            LIMIT %(limit)s) e
        WHERE j.state IN ('disabled', 'deleted') OR p.is_paused
        UNION ALL
        (SELECT id FROM execution WHERE state IN ('pending', 'queued') AND state = 'queued'
            AND start_before <= statement_timestamp() LIMIT %(limit)s)
        UNION ALL
        SELECT e.id FROM maintenance_window m CROSS JOIN LATERAL (
            SELECT id FROM execution o WHERE o.state = 'queued' AND (m.tenant_id IS NULL OR o.tenant_id = m.tenant_id)
                AND (m.queue_id IS NULL OR o.queue_id = m.queue_id) AND (m.job_id IS NULL OR o.job_id = m.job_id)
            LIMIT %(limit)s) e
        WHERE m.action = 'hold' AND m.opens_at <= statement_timestamp() AND m.closes_at > statement_timestamp()
    )) FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE execution e SET state = %(target)s, queued_at = NULL, publish_again_at = NULL
FROM held WHERE e.id = held.id AND e.state = ANY(%(sources)s)
RETURNING e.id

-- name: end_waiting
-- An execution no worker holds ends: cancelled, skipped or rejected.
WITH ended AS (
    UPDATE execution SET state = %(target)s, finished_at = clock_timestamp(), reason = %(reason)s, waiting_on = '',
        publish_again_at = NULL, error_code = %(error_code)s, error_message = %(error_message)s,
        error_fingerprint = %(error_fingerprint)s
    WHERE id = %(id)s AND state = ANY(%(sources)s)
    RETURNING id, tenant_id, job_id, attempt
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, %(target)s), tenant_id, 'execution.' || %(target)s, job_id, id,
        jsonb_build_object('attempt', attempt, 'reason', %(reason)s::text, 'error_code', %(error_code)s::text), clock_timestamp()
    FROM ended
), buried AS (
    INSERT INTO dead_letter (id, tenant_id, job_id, execution_id, error_code, error_message, error_fingerprint, state,
        closed_by, created_at)
    SELECT carillon_child_id(id, 'dead'), tenant_id, job_id, id, %(error_code)s, %(error_message)s,
        %(error_fingerprint)s, 'open', '', clock_timestamp()
    FROM ended WHERE %(target)s = 'failed'
)
SELECT id, CASE WHEN %(target)s = 'failed' THEN job_id END AS failed_job FROM ended

-- name: end_waiting_of_job
-- A deleted job's executions that no worker holds. Whoever deletes it holds the job, which those who end an execution lock
-- after that (count_failures): so what somebody is moving just now is passed over, and looked for once more after the commit.
WITH held AS MATERIALIZED (
    SELECT id FROM execution WHERE tenant_id = %(tenant_id)s AND job_id = %(job_id)s AND state = ANY(%(sources)s)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), ended AS (
    UPDATE execution SET state = %(target)s, finished_at = clock_timestamp(), waiting_on = '', publish_again_at = NULL
    WHERE id = ANY(ARRAY(SELECT id FROM held)) AND state = ANY(%(sources)s)
    RETURNING id, tenant_id, job_id, attempt
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, %(target)s), tenant_id, 'execution.' || %(target)s, job_id, id,
        jsonb_build_object('attempt', attempt), clock_timestamp()
    FROM ended
)
SELECT count(*) AS ended FROM ended

-- name: cancel_all
-- Many executions at once, which the caller has locked: what no worker holds ends, what runs is asked to stop. Back come
-- those that were not over.
WITH ended AS (
    UPDATE execution SET state = %(target)s, finished_at = clock_timestamp(), waiting_on = '', publish_again_at = NULL
    WHERE id = ANY(%(ids)s) AND state = ANY(%(sources)s)
    RETURNING id, tenant_id, job_id, attempt
), asked AS (
    UPDATE execution SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
    WHERE id = ANY(%(ids)s) AND state = 'running'
    RETURNING id
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, %(target)s), tenant_id, 'execution.' || %(target)s, job_id, id,
        jsonb_build_object('attempt', attempt), clock_timestamp()
    FROM ended
)
SELECT id FROM ended UNION ALL SELECT id FROM asked

-- name: skip_all
-- Many executions that no worker holds will not run, perhaps as somebody says in their own words; locked in the order of
-- their ids. Back come those that were still waiting, and of those that never began the schedules whose runs they were.
WITH held AS MATERIALIZED (
    SELECT id FROM execution WHERE id = ANY(%(ids)s) AND state = ANY(%(sources)s) ORDER BY id FOR NO KEY UPDATE
), ended AS (
    UPDATE execution SET state = %(target)s, finished_at = clock_timestamp(), reason = %(reason)s, ended_because = %(because)s,
        waiting_on = '', queued_at = NULL, publish_again_at = NULL
    WHERE id = ANY(ARRAY(SELECT id FROM held)) AND state = ANY(%(sources)s)
    RETURNING id, tenant_id, job_id, attempt, CASE WHEN trigger = 'schedule' AND epoch = 0 THEN schedule_id END AS schedule_id
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, %(target)s), tenant_id, 'execution.' || %(target)s, job_id, id,
        jsonb_build_object('attempt', attempt, 'reason', %(reason)s::text), clock_timestamp()
    FROM ended
)
SELECT id, schedule_id FROM ended

-- name: skip_of_operation
-- What of an operation no worker has taken and is no longer wanted will not run, a page at a time: all of it, or what is
-- older than an instant, or than its schedule's in `cuts`. What is published and unclaimed is among them; rows that somebody
-- holds are found by the next page. `unwanted` is as this statement found it, so it counts what it skipped. Of those that
-- never began, the schedules whose runs they were come back in `left_out`.
WITH cut AS MATERIALIZED (
    SELECT key::uuid AS schedule_id, value::timestamptz AS instant FROM jsonb_each_text(%(cuts)s)
), picked AS MATERIALIZED (
    SELECT e.id FROM execution e LEFT JOIN cut c ON c.schedule_id = e.schedule_id
    WHERE e.operation_id = %(operation_id)s AND e.state = ANY(%(sources)s)
        AND (%(everything)s OR e.scheduled_for < %(before)s::timestamptz OR e.scheduled_for < c.instant)
    LIMIT %(limit)s FOR NO KEY UPDATE OF e SKIP LOCKED
), ended AS (
    UPDATE execution e SET state = %(target)s, finished_at = clock_timestamp(), reason = %(reason)s, waiting_on = '',
        queued_at = NULL, publish_again_at = NULL
    WHERE id = ANY(ARRAY(SELECT id FROM picked)) AND state = ANY(%(sources)s)
    RETURNING id, tenant_id, job_id, attempt, CASE WHEN trigger = 'schedule' AND epoch = 0 THEN schedule_id END AS schedule_id
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, %(target)s), tenant_id, 'execution.' || %(target)s, job_id, id,
        jsonb_build_object('attempt', attempt, 'reason', %(reason)s::text), clock_timestamp()
    FROM ended
)
SELECT (SELECT count(*) FROM ended) AS skipped,
    ARRAY(SELECT schedule_id FROM ended WHERE schedule_id IS NOT NULL) AS left_out,
    EXISTS (SELECT 1 FROM execution e LEFT JOIN cut c ON c.schedule_id = e.schedule_id
        WHERE e.operation_id = %(operation_id)s AND e.state = ANY(%(sources)s)
            AND (%(everything)s OR e.scheduled_for < %(before)s::timestamptz OR e.scheduled_for < c.instant)) AS unwanted

-- name: request_cancel
-- A wish, not a state: the worker that runs it acknowledges.
UPDATE execution SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
WHERE id = %(id)s AND state = 'running' RETURNING id

-- name: unblock
-- Let go, many at once, locked in the order of their ids. They are due from now on.
WITH held AS MATERIALIZED (
    SELECT id FROM execution WHERE id = ANY(%(ids)s) AND state = ANY(%(sources)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE execution SET state = %(target)s, not_before = greatest(not_before, clock_timestamp())
WHERE id = ANY(ARRAY(SELECT id FROM held)) AND state = ANY(%(sources)s) RETURNING id

-- name: resume
-- Suspended, and woken or waited for long enough: they go on, and are due at once.
WITH held AS MATERIALIZED (
    SELECT id FROM execution WHERE state = 'blocked' AND resume_at <= clock_timestamp() AND state = ANY(%(sources)s)
    ORDER BY resume_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE execution SET state = %(target)s, not_before = clock_timestamp()
WHERE id = ANY(ARRAY(SELECT id FROM held)) AND state = ANY(%(sources)s) RETURNING id

-- name: settle
-- Of executions that wait for their events to settle: each becomes what the newest event asks for, under its own id, and
-- waits anew, yet not beyond its cap, counted from its making. One that is due already, or has ripened in this moment, is
-- left alone: what came in is the next one's. The caller has locked the schedules, so the newest execution of each is the
-- one that waits, if any does. For ANY(ARRAY(…)) see admit.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(
        id uuid, tenant_id uuid, schedule_id uuid, revision int, triggered_by text, not_before timestamptz, cap_seconds float8,
        queue_id text, priority smallint, timeout_seconds float8, max_attempts int, payload jsonb, concurrency_key text,
        event jsonb)
), waiting AS MATERIALIZED (
    SELECT g.id AS wanted, newest.id FROM given g CROSS JOIN LATERAL (
        SELECT e.id FROM execution e WHERE e.tenant_id = g.tenant_id AND e.schedule_id = g.schedule_id
        ORDER BY e.id DESC LIMIT 1) newest
)
UPDATE execution e SET state = %(target)s,
    not_before = least(g.not_before, e.created_at + make_interval(secs => g.cap_seconds)),
    revision = g.revision, triggered_by = g.triggered_by, queue_id = g.queue_id, priority = g.priority,
    timeout_seconds = g.timeout_seconds, max_attempts = g.max_attempts, payload = nullif(g.payload, 'null'),
    concurrency_key = g.concurrency_key, event = nullif(g.event, 'null')
FROM waiting w JOIN given g ON g.id = w.wanted
WHERE e.id = w.id AND e.id = ANY(ARRAY(SELECT id FROM waiting)) AND e.state = ANY(%(sources)s) AND e.trigger = 'event'
    AND e.ripened_at IS NULL AND e.epoch = 0 AND e.not_before > clock_timestamp()
RETURNING e.id, w.wanted

-- name: ripen
-- Due rows become pending. A slot's first ripening is judged by its job's overlap policy against the
-- schedule-made executions still active; slots caught up after an outage are exempt: their misfire
-- policy has already said that they run, so they wait for each other instead. Those that keep to an operation's pace
-- count only once they are in flight: live slots neither wait nor are left out for a backlog. Where a slot has the one
-- before it cancelled, those to be cancelled come back. The state is also spelled
-- out: a parameter cannot prove to the planner that the partial index applies. For LIMIT 1 and ANY(ARRAY(…))
-- see admit.
WITH picked AS MATERIALIZED (
    SELECT id, job_id, not_before, trigger = 'schedule' AND ripened_at IS NULL
        AND scheduled_for > created_at - interval '60 seconds' AS is_fresh_slot
    FROM execution WHERE state = 'scheduled' AND state = ANY(%(sources)s) AND not_before <= %(now)s
    ORDER BY not_before, id LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
), due AS MATERIALIZED (
    SELECT p.id, p.job_id, p.not_before, j.overlap, p.is_fresh_slot AND j.overlap IN ('skip', 'queue_one') AS is_judged,
        p.is_fresh_slot AND j.overlap = 'cancel_previous' AS supersedes, j.max_wait_seconds
    FROM picked p CROSS JOIN LATERAL (SELECT overlap, max_wait_seconds FROM job WHERE job.id = p.job_id LIMIT 1) j
), judged AS (
    SELECT d.id, d.not_before + make_interval(secs => d.max_wait_seconds) AS expires_at, d.is_judged AND (
        -- skip: one, if none is active. queue_one: one to run if none is active, and one to wait if none waits.
        row_number() OVER (PARTITION BY d.job_id, d.is_judged ORDER BY d.not_before, d.id)
        > CASE WHEN d.overlap = 'skip' THEN 1 - least(active.total, 1)
               WHEN active.waiting > 0 THEN 0
               ELSE 2 - least(active.total, 1) END) AS overlaps
    FROM due d LEFT JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE o.state IN ('pending', 'queued')) AS waiting
        FROM execution o
        WHERE d.is_judged AND o.job_id = d.job_id AND o.trigger = 'schedule' AND o.ripened_at IS NOT NULL
            AND o.state IN ('scheduled', 'blocked', 'pending', 'queued', 'running')
            AND (o.operation_id IS NULL OR o.state IN ('queued', 'running'))
    ) active ON true
), newest AS MATERIALIZED (
    SELECT DISTINCT ON (job_id) job_id, id FROM due WHERE supersedes ORDER BY job_id, not_before DESC, id DESC
), superseded AS (
    SELECT d.id FROM due d JOIN newest n ON n.job_id = d.job_id AND n.id <> d.id WHERE d.supersedes
    UNION ALL
    SELECT e.id FROM newest n CROSS JOIN LATERAL (
        SELECT o.id FROM execution o
        WHERE o.job_id = n.job_id AND o.trigger = 'schedule' AND o.ripened_at IS NOT NULL
            AND o.state IN ('scheduled', 'blocked', 'pending', 'queued', 'running')
            AND (o.operation_id IS NULL OR o.state IN ('queued', 'running'))
    ) e
), moved AS (
    UPDATE execution e SET
        state = CASE WHEN j.overlaps THEN 'skipped' ELSE %(target)s END,
        reason = CASE WHEN j.overlaps THEN 'OVERLAP' ELSE '' END,
        finished_at = CASE WHEN j.overlaps THEN %(now)s::timestamptz END,
        -- What has begun keeps to the limit it has; what keeps to an operation's pace waits as long as that takes.
        expires_at = CASE WHEN e.epoch = 0 AND e.operation_id IS NULL THEN j.expires_at ELSE e.expires_at END,
        ripened_at = coalesce(e.ripened_at, %(now)s)
    FROM judged j WHERE e.id = j.id AND e.id = ANY(ARRAY(SELECT id FROM picked))
    RETURNING e.id, e.tenant_id, e.job_id, e.schedule_id, e.state
), told AS (
    INSERT INTO event (id, tenant_id, kind, job_id, execution_id, data, created_at)
    SELECT carillon_child_id(id, state), tenant_id, 'execution.skipped', job_id, id,
        jsonb_build_object('reason', 'OVERLAP'), %(now)s
    FROM moved WHERE state = 'skipped'
)
SELECT count(*) AS moved, ARRAY(SELECT id FROM superseded) AS superseded,
    array_agg(schedule_id) FILTER (WHERE state = 'skipped' AND schedule_id IS NOT NULL) AS left_out
FROM moved

-- name: postpone
-- Its execution window closed before it began: it waits for the next opening, and is judged once more as if it were due
-- then for the first time.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(id uuid, not_before timestamptz, start_before timestamptz)
)
UPDATE execution e SET state = %(target)s, not_before = r.not_before, start_before = r.start_before, waiting_on = '',
    ripened_at = NULL, expires_at = NULL
FROM given r
WHERE e.id = r.id AND e.id = ANY(ARRAY(SELECT id FROM given)) AND e.state = ANY(%(sources)s) AND e.epoch = 0
RETURNING e.id

-- name: admit
-- The next executions of one queue, weighted fair among tenants and by priority within each.
-- Tenants come by a loose index scan, each one's best rows by a lateral top-K: the cost follows the
-- window, not what is stored. A tenant at its cap, or out of tokens, is passed over whole; a row whose
-- job or concurrency key is full, or whose job is disabled, of a paused tag, in a maintenance window or out of tokens, is parked out of the ready
-- index under the name of what it waits for; a suspended slot is still under way there, and fills no cap. Whatever is admitted takes its tokens in the same statement.
-- What goes behind live work (a priority below 0) comes from a line of its own, of which `lane` more may be in flight
-- in this queue; what keeps to an operation's pace is parked while that is full or paused.
-- `room` are admitted, and beyond it, up to `most`, the first of a tenant that has nothing in flight (as many as
-- its weight): a window that somebody's backlog has filled is no reason to let it wait.
-- Under a key the smallest limit counts, of the jobs in flight there and of those further up the line, so
-- that a strict job neither has company nor waits for ever behind lax ones. So does the lowest rate.
-- A plan made for all values takes the room for a tenth of what waits, and would read whole tables to
-- find so many. LIMIT 1 and ANY(ARRAY(…)) say that each row costs one look by its key.
WITH RECURSIVE instant AS MATERIALIZED (
    -- Tokens are counted, and what draws them has started, at one instant, however long the statement takes: or starts would
    -- lie closer together than their rate allows. It is read after the snapshot, so it lies after every end that made room.
    SELECT clock_timestamp() AS now
), walk AS (
    (SELECT tenant_id FROM execution WHERE queue_id = %(queue)s AND state = 'pending' AND waiting_on = ''
     ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.tenant_id FROM execution e WHERE e.queue_id = %(queue)s AND e.state = 'pending' AND e.waiting_on = ''
            AND e.tenant_id > walk.tenant_id ORDER BY e.tenant_id LIMIT 1)
    FROM walk WHERE walk.tenant_id IS NOT NULL
), shut AS MATERIALIZED (
    -- What maintenance windows hold now: few, if any. The platform's are looked at by `capacity`.
    SELECT tenant_id, queue_id, job_id FROM maintenance_window
    WHERE opens_at <= statement_timestamp() AND closes_at > statement_timestamp() AND action = 'hold' AND tenant_id IS NOT NULL
), ready AS MATERIALIZED (
    SELECT t.id, t.weight, t.rate_limit, t.rate_burst, f.in_flight, r.tokens,
        least(greatest(%(room)s, t.weight - f.in_flight),
            carillon_cap(t.max_running, t.throttle_max_running, t.throttled_until) - f.in_flight, floor(r.tokens))
            AS room  -- least() passes over what is NULL
    FROM walk JOIN tenant t ON t.id = walk.tenant_id AND t.state = 'active' AND NOT EXISTS (
        SELECT 1 FROM shut s WHERE s.tenant_id = t.id AND s.job_id IS NULL AND (s.queue_id IS NULL OR s.queue_id = %(queue)s))
    CROSS JOIN LATERAL (
        SELECT count(*) AS in_flight FROM execution e WHERE e.tenant_id = t.id AND e.state IN ('queued', 'running')
    ) f
    CROSS JOIN LATERAL (
        SELECT CASE WHEN t.rate_limit <> '' THEN
            carillon_tokens('tenant:' || t.id, t.rate_limit, t.rate_burst, (SELECT now FROM instant)) END AS tokens
    ) r
), candidate AS MATERIALIZED (
    -- Judging one costs counts of its job; so only twice as many are judged as there is room for. If more than half of
    -- them are parked for it, the round that follows at once sees the next.
    (SELECT c.*, r.weight, r.in_flight, r.room
    FROM ready r CROSS JOIN LATERAL (
        SELECT e.id, e.tenant_id, e.job_id, e.trigger, e.priority, e.not_before, e.concurrency_key, e.operation_id,
            e.epoch > 0 AS has_begun
        FROM execution e
        WHERE e.queue_id = %(queue)s AND e.tenant_id = r.id AND e.state = 'pending' AND e.waiting_on = '' AND e.priority >= 0
            AND (e.start_before IS NULL OR e.start_before > statement_timestamp())
        ORDER BY e.priority DESC, e.not_before, e.id
        LIMIT greatest(r.room, 0) + 1  -- one more, to know whether there is a backlog behind what may go
    ) c
    ORDER BY (r.in_flight + row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.priority DESC, c.not_before, c.id))::float8
        / r.weight, c.priority DESC, c.not_before, c.id
    LIMIT 2 * %(most)s)
    UNION ALL
    (SELECT c.*, r.weight, r.in_flight, r.room
    FROM ready r CROSS JOIN LATERAL (
        SELECT e.id, e.tenant_id, e.job_id, e.trigger, e.priority, e.not_before, e.concurrency_key, e.operation_id,
            e.epoch > 0 AS has_begun
        FROM execution e
        WHERE e.queue_id = %(queue)s AND e.tenant_id = r.id AND e.state = 'pending' AND e.waiting_on = '' AND e.priority < 0
            AND (e.start_before IS NULL OR e.start_before > statement_timestamp())
        ORDER BY e.priority DESC, e.not_before, e.id
        LIMIT least(greatest(r.room, 0), greatest(%(lane)s, 0))
    ) c
    ORDER BY (r.in_flight + row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.priority DESC, c.not_before, c.id))::float8
        / r.weight, c.priority DESC, c.not_before, c.id
    LIMIT greatest(%(lane)s, 0))
), paced AS MATERIALIZED (
    SELECT d.operation_id, carillon_pace(o.state, o.max_active) - f.total AS room
    FROM (SELECT DISTINCT operation_id FROM candidate WHERE operation_id IS NOT NULL) d
    LEFT JOIN LATERAL (SELECT state, max_active FROM operation WHERE operation.id = d.operation_id LIMIT 1) o ON true
    CROSS JOIN LATERAL (
        SELECT count(*)::int AS total FROM execution e
        WHERE e.operation_id = d.operation_id AND e.state IN ('queued', 'running')
    ) f
), busy AS MATERIALIZED (
    SELECT j.id, j.state, CASE WHEN (
            SELECT true FROM tag WHERE paused_at IS NOT NULL AND (until IS NULL OR until > statement_timestamp()) LIMIT 1
        ) THEN carillon_tag_paused(d.tenant_id, j.id) ELSE false END AS is_tag_paused, c.max_running, j.max_running_per_key, j.key_rate_limit, j.overlap, j.rate_limit, j.rate_burst, r.tokens,
        f.total, f.slots, g.begun
    FROM (SELECT DISTINCT tenant_id, job_id FROM candidate) d
    CROSS JOIN LATERAL (SELECT * FROM job WHERE job.id = d.job_id LIMIT 1) j
    CROSS JOIN LATERAL (
        SELECT carillon_cap(j.max_running, j.throttle_max_running, j.throttled_until) AS max_running
    ) c
    CROSS JOIN LATERAL (
        SELECT CASE WHEN j.rate_limit <> '' THEN
            carillon_tokens('job:' || j.id, j.rate_limit, j.rate_burst, (SELECT now FROM instant)) END AS tokens
    ) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE e.trigger = 'schedule') + CASE WHEN j.overlap = 'allow' THEN 0 ELSE (
            SELECT count(*) FROM execution o WHERE o.job_id = d.job_id AND o.trigger = 'schedule' AND o.ripened_at IS NOT NULL
                AND o.state = 'blocked') END AS slots
        FROM execution e
        WHERE (c.max_running IS NOT NULL OR j.overlap <> 'allow')
            AND e.tenant_id = d.tenant_id AND e.job_id = d.job_id AND e.state IN ('queued', 'running')
    ) f
    CROSS JOIN LATERAL (
        -- Slots that wait for their next attempt, or to go on: no other begins before them. One that waits for the slots
        -- itself does not count, or they would wait for each other.
        SELECT count(*) AS begun FROM execution o
        WHERE j.overlap <> 'allow' AND o.job_id = d.job_id AND o.trigger = 'schedule' AND o.ripened_at IS NOT NULL
            AND o.state IN ('scheduled', 'pending') AND o.epoch > 0 AND o.operation_id IS NULL
            AND o.waiting_on <> 'slot:' || d.job_id AND o.id <> ALL(ARRAY(SELECT id FROM candidate))
    ) g
), metered AS MATERIALIZED (
    SELECT id, rate_limit, rate_burst, tokens FROM busy WHERE rate_limit <> ''
), standing AS MATERIALIZED (
    -- What waits for one thing takes no place under the next: or somebody would wait, too, for a cap that has room. So each
    -- place is counted among those that nothing before holds; and who cannot go anyhow, since its job is full, comes first.
    SELECT q.*, coalesce(q.paced_by, CASE
            WHEN q.overlap <> 'allow' AND q.trigger = 'schedule' AND q.slots + row_number() OVER slots
                + CASE WHEN q.has_begun THEN 0 ELSE q.begun END > 1 THEN 'slot:' || q.job_id
        END) AS held_by
    FROM (
        SELECT h.*, coalesce(h.shut_by, CASE WHEN row_number() OVER paces > p.room THEN 'op:' || h.operation_id END) AS paced_by
        FROM (
            SELECT c.*, b.overlap, b.slots, b.begun, b.total, b.max_running, b.max_running_per_key, b.key_rate_limit, b.tokens,
                CASE
                    WHEN b.state IN ('disabled', 'deleted') THEN 'held:' || c.job_id
                    WHEN c.job_id IN (SELECT job_id FROM shut WHERE job_id IS NOT NULL) THEN 'shut:' || c.job_id
                    WHEN b.is_tag_paused THEN 'tag:' || c.job_id
                    WHEN b.total >= b.max_running THEN 'job:' || c.job_id
                    WHEN b.tokens < 1 THEN 'rate:' || c.job_id
                END AS shut_by
            FROM candidate c LEFT JOIN busy b ON b.id = c.job_id
        ) h LEFT JOIN paced p ON p.operation_id = h.operation_id
        WINDOW paces AS (PARTITION BY h.operation_id, h.shut_by IS NULL ORDER BY h.priority DESC, h.not_before, h.id)
    ) q
    WINDOW slots AS (PARTITION BY q.job_id, q.trigger, q.paced_by IS NULL
        ORDER BY q.has_begun DESC, q.priority DESC, q.not_before, q.id)
), line AS MATERIALIZED (
    SELECT id, tenant_id, job_id, concurrency_key, key_rate_limit, row_number() OVER keys AS place,
        min(max_running_per_key) OVER keys AS most
    FROM standing WHERE held_by IS NULL AND concurrency_key <> ''
    WINDOW keys AS (PARTITION BY tenant_id, concurrency_key ORDER BY priority DESC, not_before, id)
), contender AS (
    -- Jobs whose rate may count under a key: of those in line, of the first that waits for it, and the one that counted when
    -- it was drawn from last, until its bucket is full again. Where no key has a bucket, nothing is looked up.
    SELECT tenant_id, concurrency_key, job_id FROM line WHERE key_rate_limit <> ''
    UNION
    SELECT d.tenant_id, d.concurrency_key, o.job_id
    FROM (SELECT tenant_id, concurrency_key, carillon_key_name(tenant_id, concurrency_key) AS name FROM line
          WHERE (SELECT true FROM rate_bucket WHERE key >= 'key:' AND key < 'key;' ORDER BY key LIMIT 1) GROUP BY tenant_id, concurrency_key) d
    CROSS JOIN LATERAL (
        (SELECT b.job_id FROM rate_bucket b
         WHERE b.key = 'key:' || d.name AND b.full_at > statement_timestamp())
        UNION ALL
        (SELECT e.job_id FROM execution e WHERE e.state = 'pending' AND e.waiting_on <> ''
            AND e.waiting_on = 'keyrate:' || d.name
         ORDER BY e.priority DESC, e.not_before, e.id LIMIT 1)
    ) o
), strictest AS MATERIALIZED (
    SELECT s.*, carillon_tokens(s.bucket, s.rate_limit, s.rate_burst, (SELECT now FROM instant)) AS tokens
    FROM (
        SELECT DISTINCT ON (c.tenant_id, c.concurrency_key) c.tenant_id, c.concurrency_key, j.id AS job_id,
            j.key_rate_limit AS rate_limit, j.key_rate_burst AS rate_burst,
            'key:' || carillon_key_name(c.tenant_id, c.concurrency_key) AS bucket
        FROM contender c CROSS JOIN LATERAL (
            SELECT id, key_rate_limit, key_rate_burst FROM job WHERE job.id = c.job_id AND key_rate_limit <> '' LIMIT 1
        ) j
        ORDER BY c.tenant_id, c.concurrency_key, carillon_rate(j.key_rate_limit), carillon_burst(j.key_rate_limit, j.key_rate_burst)
    ) s
), crowded AS MATERIALIZED (
    SELECT l.id, CASE WHEN f.total + l.place > least(f.most, l.most) THEN 'key:' || l.tenant_id || ':' || l.concurrency_key
        ELSE 'keyrate:' || carillon_key_name(l.tenant_id, l.concurrency_key) END AS waits_on
    FROM (SELECT DISTINCT tenant_id, concurrency_key FROM line) d
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, min(j.max_running_per_key) AS most
        FROM execution e CROSS JOIN LATERAL (SELECT max_running_per_key FROM job WHERE job.id = e.job_id LIMIT 1) j
        WHERE e.tenant_id = d.tenant_id AND e.concurrency_key = d.concurrency_key AND e.concurrency_key <> ''
            AND e.state IN ('queued', 'running')
    ) f
    JOIN line l USING (tenant_id, concurrency_key) LEFT JOIN strictest s USING (tenant_id, concurrency_key)
    WHERE f.total + l.place > least(f.most, l.most) OR l.place > s.tokens
), judged AS (
    SELECT id, weight, in_flight, room, tenant_id, job_id, concurrency_key, priority, not_before,
        held_by IS NULL AND (total + place > max_running OR place > tokens) AS is_refused,
        CASE
            WHEN held_by IS NOT NULL THEN held_by
            WHEN total + place > max_running THEN 'job:' || job_id
            WHEN place > tokens THEN 'rate:' || job_id
            ELSE ''
        END AS waits_on
    FROM (
        SELECT s.id, s.weight, s.in_flight, s.room, s.tenant_id, s.job_id, s.concurrency_key, s.priority, s.not_before, s.total, s.max_running,
            s.tokens, coalesce(s.held_by, k.waits_on) AS held_by,
            row_number() OVER (PARTITION BY s.job_id, coalesce(s.held_by, k.waits_on) IS NULL
                ORDER BY s.priority DESC, s.not_before, s.id) AS place
        FROM standing s LEFT JOIN crowded k ON k.id = s.id
    ) placed
), ranked AS (
    SELECT id, (in_flight + nth)::float8 / weight AS share, nth <= room AS has_room, priority, not_before, tenant_id, ready
    FROM (
        SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY priority DESC, not_before, id) AS nth,
            count(*) OVER (PARTITION BY tenant_id) AS ready
        FROM judged WHERE waits_on = ''
    ) numbered
), chosen AS (
    -- Work behind all that is live stands behind it in the broker as well.
    SELECT id, share, place, priority < 0 OR ready > count(*) OVER (PARTITION BY tenant_id) AS has_backlog FROM (
        SELECT * FROM (
            SELECT id, share, priority, tenant_id, ready,
                row_number() OVER (ORDER BY share, priority DESC, not_before, id) AS place
            FROM ranked WHERE has_room
        ) placed WHERE place <= %(room)s OR share <= 1 ORDER BY place LIMIT %(most)s
    ) first
), free AS MATERIALIZED (
    -- What somebody holds, to cancel it perhaps, is passed over: all tenants wait for a round, so it waits for nobody.
    SELECT id FROM execution WHERE id = ANY(ARRAY(SELECT id FROM chosen)) AND state = ANY(%(sources)s)
    FOR NO KEY UPDATE SKIP LOCKED
), admitted AS (
    UPDATE execution e SET state = %(target)s, queued_at = (SELECT now FROM instant),
        publish_again_at = clock_timestamp() + interval '5 seconds'
    FROM chosen c WHERE e.id = c.id AND e.id = ANY(ARRAY(SELECT id FROM free)) AND e.state = ANY(%(sources)s)
    RETURNING c.place, c.share, c.has_backlog, e.id, e.attempt, e.timeout_seconds, e.tenant_id, e.job_id, e.epoch,
        e.concurrency_key
), drawn AS (
    SELECT 'job:' || b.id AS key, b.rate_limit, b.rate_burst, b.tokens - count(*) AS left_over, NULL::uuid AS job_id
    FROM admitted a JOIN metered b ON b.id = a.job_id GROUP BY b.id, b.rate_limit, b.rate_burst, b.tokens
    UNION ALL
    SELECT 'tenant:' || r.id, r.rate_limit, r.rate_burst, r.tokens - count(*), NULL
    FROM admitted a JOIN ready r ON r.id = a.tenant_id AND r.rate_limit <> '' GROUP BY r.id, r.rate_limit, r.rate_burst, r.tokens
    UNION ALL
    SELECT 'queue:' || q.name, q.rate_limit, q.rate_burst,
        carillon_tokens('queue:' || q.name, q.rate_limit, q.rate_burst, (SELECT now FROM instant)) - count(*), NULL
    FROM admitted a JOIN queue q ON q.name = %(queue)s AND q.rate_limit <> '' GROUP BY q.name
    UNION ALL
    SELECT s.bucket, s.rate_limit, s.rate_burst, s.tokens - count(*), s.job_id
    FROM admitted a JOIN strictest s USING (tenant_id, concurrency_key)
    GROUP BY s.bucket, s.rate_limit, s.rate_burst, s.tokens, s.job_id
), charged AS (
    INSERT INTO rate_bucket AS b (key, tokens, updated_at, refill_at, full_at, job_id)
    SELECT key, left_over, now,
        now + greatest(1 - left_over, 0) / carillon_rate(rate_limit) * interval '1 second',
        now + (carillon_burst(rate_limit, rate_burst) - left_over) / carillon_rate(rate_limit) * interval '1 second',
        job_id
    FROM drawn CROSS JOIN instant
    ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, updated_at = excluded.updated_at,
        refill_at = excluded.refill_at, full_at = excluded.full_at, job_id = excluded.job_id
), surplus AS MATERIALIZED (
    -- Whoever has a place under a key and is refused by its own job leaves it: those behind it stay in line, for the round
    -- that follows at once.
    SELECT id FROM execution WHERE id = ANY(ARRAY(
        SELECT id FROM judged WHERE waits_on <> '' AND NOT (starts_with(waits_on, 'key') AND (tenant_id, concurrency_key) IN (
            SELECT tenant_id, concurrency_key FROM judged WHERE is_refused AND concurrency_key <> ''
        )))) AND state = 'pending'
    FOR NO KEY UPDATE SKIP LOCKED
), parked AS (
    UPDATE execution e SET waiting_on = j.waits_on
    FROM judged j
    WHERE j.waits_on <> '' AND e.id = j.id AND e.state = 'pending' AND e.id = ANY(ARRAY(SELECT id FROM surplus))
    RETURNING e.id
)
SELECT p.parked, a.id, a.attempt, a.timeout_seconds, a.tenant_id, a.job_id, a.epoch, a.share, a.has_backlog
FROM (SELECT count(*) AS parked FROM parked) p LEFT JOIN admitted a ON true ORDER BY a.place
