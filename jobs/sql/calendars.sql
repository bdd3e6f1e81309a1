-- What the planner reads of calendars, and how schedules follow them.

-- name: calendars_named
-- One statement for all schedules of a batch; the days come only where this process does not know them yet. The LIMIT 1 says
-- that each costs one look by its name.
SELECT c.tenant_id, c.name, c.weekend, c.digest, CASE WHEN c.digest = ANY(%(known)s) THEN NULL ELSE c.days END AS days
FROM unnest(%(tenants)s::uuid[], %(names)s::text[]) AS wanted(tenant_id, name)
CROSS JOIN LATERAL (SELECT * FROM calendar WHERE tenant_id = wanted.tenant_id AND name = wanted.name LIMIT 1) c

-- name: lock_calendars
-- Whoever changes a tenant's calendars does so alone, and before anything else: one order, calendars, job, schedules. Without
-- it a schedule's editor, who has the schedule and wants its calendars to stay, and a calendar's editor, who has those and
-- wants to plan its schedules anew, could each wait for the other.
SELECT pg_advisory_xact_lock(hashtext('calendars'), hashtext(%(tenant_id)s))

-- name: let_calendars_be
-- The same for whoever changes jobs or schedules: beside each other, and before they lock any of them.
SELECT pg_advisory_xact_lock_shared(hashtext('calendars'), hashtext(%(tenant_id)s))

-- name: hold_calendars
-- Against being deleted or renamed before a schedule that names them is stored; other schedules may hold them too.
SELECT name FROM calendar WHERE tenant_id = %(tenant_id)s AND name = ANY(%(names)s) ORDER BY id FOR KEY SHARE

-- name: schedules_using
-- Through the partial index of schedules with calendars, however many have none.
SELECT s.id, s.job_id, s.calendars FROM schedule s
WHERE s.tenant_id = %(tenant_id)s AND s.calendars <> '[]'::jsonb AND s.state <> 'deleted'
    AND EXISTS (SELECT 1 FROM jsonb_array_elements(s.calendars) AS used WHERE used ->> 'calendar' = ANY(%(names)s))
ORDER BY s.id DESC LIMIT %(most)s

-- name: replan_users
-- Looked at next as soon as an engine comes to it, and from where it had come to: no slot that ran is planned again. Held
-- ones wait for their resume. One that could not be planned, perhaps for want of the calendar, may try again. Locked in the
-- order of ids, as the engine locks several.
WITH users AS MATERIALIZED (
    SELECT s.id FROM schedule s
    WHERE s.tenant_id = %(tenant_id)s AND s.calendars <> '[]'::jsonb
        AND (s.due_at IS NOT NULL OR s.state = 'invalid')
        AND EXISTS (SELECT 1 FROM jsonb_array_elements(s.calendars) AS used WHERE used ->> 'calendar' = ANY(%(names)s))
    ORDER BY s.id FOR NO KEY UPDATE
)
UPDATE schedule s SET next_run_at = NULL, problem = '', state = CASE WHEN s.state = 'invalid' THEN 'active' ELSE s.state END,
    due_at = CASE WHEN s.state = 'active' THEN clock_timestamp() ELSE s.due_at END
WHERE s.id = ANY(ARRAY(SELECT id FROM users))

-- name: rename_in_schedules
-- See carillon_calendar_renamed: what has been planned stays as it is. Locked in the order of ids.
WITH renaming AS MATERIALIZED (SELECT set_config('carillon.calendar_renamed', 'on', true)), users AS MATERIALIZED (
    SELECT s.id FROM schedule s
    WHERE s.tenant_id = %(tenant_id)s AND s.calendars <> '[]'::jsonb
        AND EXISTS (SELECT 1 FROM jsonb_array_elements(s.calendars) AS used WHERE used ->> 'calendar' = %(before)s)
    ORDER BY s.id FOR NO KEY UPDATE
)
UPDATE schedule s SET calendars = (
    SELECT jsonb_agg(CASE WHEN used ->> 'calendar' = %(before)s THEN jsonb_set(used, '{calendar}', to_jsonb(%(after)s::text)) ELSE used END
        ORDER BY place)
    FROM jsonb_array_elements(s.calendars) WITH ORDINALITY AS each(used, place))
FROM renaming
WHERE s.id = ANY(ARRAY(SELECT id FROM users))

-- name: renaming_is_over
SELECT set_config('carillon.calendar_renamed', 'off', true)

-- name: executions_there
-- Of derived ids, those that were made already.
SELECT id FROM execution WHERE id = ANY(%(ids)s)
