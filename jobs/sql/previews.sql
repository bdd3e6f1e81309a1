-- What a schedule that is looked at is told beside.

-- name: crowd
-- How many schedules of a tenant run next in each minute from low to high, both included; counting stops at most. A look into
-- schedule_upcoming for each minute: half an hour of a tenant with a million schedules costs no more than the cap allows.
SELECT m.minute, c.many FROM generate_series(%(low)s::timestamptz, %(high)s::timestamptz, interval '1 minute') AS m(minute)
CROSS JOIN LATERAL (
    SELECT count(*) AS many FROM (
        SELECT 1 FROM schedule s
        WHERE s.tenant_id = %(tenant)s AND s.state = 'active' AND s.next_run_at IS NOT NULL
            AND s.next_run_at >= m.minute AND s.next_run_at < m.minute + interval '1 minute'
            AND s.id IS DISTINCT FROM %(besides)s::uuid
        LIMIT %(most)s
    ) one
) c
