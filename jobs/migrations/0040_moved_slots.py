"""A schedule that gives up a calendar which moved its slots: for as long as one of them may have run before its day."""

from django.db import migrations, models

from tenants import rls

SPEC = (
    "kind", "expression", "interval_seconds", "run_at", "rrule", "rule", "event", "timezone", "start_at", "end_at",
    "dst_gap", "dst_fold", "calendars", "max_runs",
)  # fmt: skip
CHANGED = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in SPEC)

ON_SCHEDULE = f"""
CREATE OR REPLACE FUNCTION carillon_schedule_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    held boolean;
    why text;
BEGIN
    IF TG_OP = 'UPDATE' AND ({CHANGED}) THEN
        NEW.planned_until := greatest(clock_timestamp(), OLD.planned_until);
        NEW.next_run_at := NULL;
        NEW.problem := '';
        IF NEW.calendars IS DISTINCT FROM OLD.calendars AND OLD.calendars::text LIKE '%_business_day%' THEN
            NEW.moved_until := clock_timestamp() + interval '33 days';
        END IF;
        IF NEW.state IN ('ended', 'invalid') THEN
            NEW.state := 'active';
        END IF;
    ELSIF TG_OP = 'UPDATE' AND NEW.state IS NOT DISTINCT FROM OLD.state THEN
        RETURN NEW;
    END IF;
    SELECT NEW.state <> 'active' OR j.state <> 'active' OR t.state <> 'active', carillon_why_held(NEW.state, j.state, t.state)
        INTO held, why FROM job j JOIN tenant t ON t.id = j.tenant_id WHERE j.id = NEW.job_id;
    NEW.due_at := CASE WHEN held THEN NULL ELSE clock_timestamp() END;
    NEW.holds := carillon_held(NEW.holds, why, clock_timestamp());
    RETURN NEW;
END $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0039_bookmarks_pruned'),
    ]

    operations = [
        migrations.AddField(
            model_name='schedule',
            name='moved_until',
            field=models.DateTimeField(blank=True, help_text='Until when a slot may have run before its day, by calendars that it had.', null=True),
        ),
        rls.run(ON_SCHEDULE),
    ]
