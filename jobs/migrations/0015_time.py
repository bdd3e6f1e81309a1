"""Every kind of schedule, what holds its runs back, and whose pace an execution keeps to."""

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
BEGIN
    IF TG_OP = 'UPDATE' AND ({CHANGED}) THEN
        NEW.planned_until := greatest(clock_timestamp(), OLD.planned_until);
        NEW.next_run_at := NULL;
        NEW.problem := '';
        IF NEW.state IN ('ended', 'invalid') THEN
            NEW.state := 'active';
        END IF;
    ELSIF TG_OP = 'UPDATE' AND NEW.state IS NOT DISTINCT FROM OLD.state THEN
        RETURN NEW;
    END IF;
    SELECT NEW.state <> 'active' OR j.state <> 'active' OR t.state <> 'active' INTO held
        FROM job j JOIN tenant t ON t.id = j.tenant_id WHERE j.id = NEW.job_id;
    NEW.due_at := CASE WHEN held THEN NULL ELSE clock_timestamp() END;
    RETURN NEW;
END $$
"""

UNSIGNED = """
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN SELECT conrelid::regclass AS part, conname FROM pg_constraint
        WHERE contype = 'c' AND conname LIKE 'execution%priority%' AND conrelid IN (
            SELECT inhrelid FROM pg_inherits WHERE inhparent = 'execution'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', kept.part, kept.conname);
    END LOOP;
END $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0014_operations'),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='operation_id',
            field=models.UUIDField(help_text='Of the operation whose pace it keeps to.', null=True),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('operation_id__isnull', False)), fields=['operation_id', 'state'], name='execution_of_operation'),
        ),
        migrations.AddField(
            model_name='operation',
            name='max_active',
            field=models.PositiveIntegerField(help_text='Most executions of it in flight, where it makes some.', null=True),
        ),
        migrations.AddField(
            model_name='execution',
            name='start_before',
            field=models.DateTimeField(help_text='When its execution window closes.', null=True),
        ),
        migrations.AddField(
            model_name='schedule',
            name='calendars',
            field=models.JSONField(blank=True, db_default=models.Value([], output_field=models.JSONField()), default=list),
        ),
        migrations.AddField(
            model_name='schedule',
            name='debounce_seconds',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='schedule',
            name='event',
            field=models.CharField(blank=True, db_default='', default='', help_text='Name of the event it waits for.', max_length=100),
        ),
        migrations.AddField(
            model_name='schedule',
            name='event_filter',
            field=models.CharField(blank=True, db_default='', default='', max_length=500),
        ),
        migrations.AddField(
            model_name='schedule',
            name='execution_window',
            field=models.JSONField(blank=True, help_text='Hours of the week in which its runs may start.', null=True),
        ),
        migrations.AddField(
            model_name='schedule',
            name='jitter_seconds',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='schedule',
            name='max_runs',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='schedule',
            name='rrule',
            field=models.CharField(blank=True, db_default='', default='', max_length=1000),
        ),
        migrations.AddField(
            model_name='schedule',
            name='rule',
            field=models.JSONField(blank=True, help_text='Of a calendar rule, such as the last business day of a month.', null=True),
        ),
        migrations.AddField(
            model_name='schedule',
            name='runs',
            field=models.PositiveBigIntegerField(db_default=0, default=0, help_text='How many of its slots were made to run.'),
        ),
        migrations.AlterField(
            model_name='execution',
            name='priority',
            field=models.SmallIntegerField(default=5, help_text='Below 0 behind all that is live: see jobs.rules.background.'),
        ),
        migrations.AlterField(
            model_name='execution',
            name='trigger',
            field=models.CharField(choices=[('schedule', 'Schedule'), ('manual', 'Manual'), ('replay', 'Replay'), ('event', 'Event'), ('backfill', 'Backfill')], max_length=16),
        ),
        migrations.AlterField(
            model_name='schedule',
            name='kind',
            field=models.CharField(help_text='One of jobs.triggers.kinds().', max_length=16),
        ),
        # A partition that was attached keeps what it was made with.
        rls.run(UNSIGNED),
        rls.run(ON_SCHEDULE),
    ]
