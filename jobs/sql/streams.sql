-- What open streams ask, many at a time. Each row costs a few looks by a key: a partition is named by the bounds of ids
-- (low, high) that carry the execution's milliseconds.

-- name: watch
-- Has anything happened since? Numbers and states alone, so that it may look over all tenants.
SELECT w.id, e.state, e.epoch, e.ripened_at, e.queued_at, e.finished_at, l.last_seq
FROM unnest(%(ids)s::uuid[], %(lows)s::uuid[], %(highs)s::uuid[]) AS w(id, low, high)
CROSS JOIN LATERAL (
    SELECT state, epoch, ripened_at, queued_at, finished_at FROM execution WHERE execution.id = w.id LIMIT 1
) e
LEFT JOIN LATERAL (
    SELECT last_seq FROM execution_log
    WHERE execution_id = w.id AND execution_log.id >= w.low AND execution_log.id < w.high AND e.epoch > 0
    ORDER BY last_seq DESC LIMIT 1
) l ON true

-- name: timelines
-- One snapshot of each: the row, and the tries it has left behind, with the event each went back with.
SELECT w.place, e.*, t.tries
FROM unnest(%(ids)s::uuid[], %(lows)s::uuid[], %(highs)s::uuid[], %(epochs)s::int[])
    WITH ORDINALITY AS w(id, low, high, epoch, place)
CROSS JOIN LATERAL (
    SELECT state, attempt, epoch, worker_id IS NOT NULL AS was_held, reason, scheduled_for, created_at, ripened_at,
        queued_at, finished_at, error_code, error_message, error_fingerprint
    FROM execution WHERE execution.id = w.id LIMIT 1
) e
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.epoch), '[]') AS tries
    FROM (
        SELECT a.epoch, a.number, a.state, a.worker, a.queued_at, a.started_at, a.finished_at, a.error_code, a.error_message,
            b.kind AS went_back, b.data ->> 'again_at' AS again_at
        FROM attempt a
        LEFT JOIN LATERAL (
            SELECT kind, data FROM event WHERE event.id = carillon_child_id(w.id, 'back:' || a.epoch) LIMIT 1
        ) b ON true
        WHERE a.execution_id = w.id AND a.id >= w.low AND a.id < w.high AND a.epoch >= w.epoch
        ORDER BY a.epoch LIMIT %(most)s
    ) a
) t
ORDER BY w.place

-- name: lines_after
-- The next chunks of each one's log.
SELECT w.place, c.attempt, c.epoch, c.first_seq, c.lines
FROM unnest(%(ids)s::uuid[], %(lows)s::uuid[], %(highs)s::uuid[], %(seqs)s::bigint[])
    WITH ORDINALITY AS w(id, low, high, seq, place)
CROSS JOIN LATERAL (
    SELECT attempt, epoch, first_seq, last_seq, lines FROM execution_log
    WHERE execution_id = w.id AND last_seq > w.seq AND execution_log.id >= w.low AND execution_log.id < w.high
    ORDER BY last_seq LIMIT %(most)s
) c
ORDER BY w.place, c.last_seq
