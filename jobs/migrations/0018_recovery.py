"""What held a schedule and for how long, and the pace of work that goes behind all that is live.

A schedule's ``holds`` are kept by the database, whoever changes the rows: each is [from, until or null, why], and the
planner takes those out that it has planned past.
"""

from django.db import migrations, models
from django.db.models.functions import Now
from django.utils import timezone

from tenants import rls

SPEC = (
    "kind", "expression", "interval_seconds", "run_at", "rrule", "rule", "event", "timezone", "start_at", "end_at",
    "dst_gap", "dst_fold", "calendars", "max_runs",
)  # fmt: skip
CHANGED = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in SPEC)

# The codes are those of jobs.rules.codes.
WHY = """
CREATE FUNCTION carillon_why_held(schedule_state text, job_state text, tenant_state text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN schedule_state = 'paused' THEN 'PAUSED_SCHEDULE' WHEN job_state = 'paused' THEN 'PAUSED_JOB'
    WHEN job_state <> 'active' THEN 'DISABLED' WHEN tenant_state <> 'active' THEN 'PAUSED_TENANT' END $$
"""

# One at a time is open: the last. Whoever holds and lets go again and again keeps the newest fifty.
HELD = """
CREATE FUNCTION carillon_held(holds jsonb, why text, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
BEGIN
    IF holds <> '[]' AND holds #>> '{-1,1}' IS NULL THEN
        IF holds #>> '{-1,2}' IS NOT DISTINCT FROM why THEN
            RETURN holds;
        END IF;
        holds := jsonb_set(holds, '{-1,1}', to_jsonb(at));
    END IF;
    IF why IS NOT NULL THEN
        holds := holds || jsonb_build_array(jsonb_build_array(at, NULL, why));
    END IF;
    WHILE jsonb_array_length(holds) > 50 LOOP
        holds := holds - 0;
    END LOOP;
    RETURN holds;
END $$
"""

# Most executions of an operation in flight. One that is over held back nothing: what it leaves behind, if anything, goes
# on by itself; unless it was to be ended with it.
PACE = """
CREATE FUNCTION carillon_pace(state text, max_active int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN state = 'running' THEN coalesce(max_active, 1000) WHEN state IN ('paused', 'failed', 'aborted') THEN 0
    ELSE 1000 END $$
"""

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

# A schedule that is paused itself says so, whatever becomes of its job and tenant.
ON_JOB = """
CREATE OR REPLACE FUNCTION carillon_job_held() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE schedule SET due_at = CASE WHEN NEW.state = 'active' AND t.state = 'active' THEN clock_timestamp() END,
        holds = carillon_held(holds, carillon_why_held(schedule.state, NEW.state, t.state), clock_timestamp())
        FROM tenant t WHERE schedule.job_id = NEW.id AND schedule.state = 'active' AND t.id = NEW.tenant_id;
    RETURN NULL;
END $$
"""

ON_TENANT = """
CREATE OR REPLACE FUNCTION carillon_tenant_held() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE schedule SET due_at = CASE WHEN NEW.state = 'active' AND j.state = 'active' THEN clock_timestamp() END,
        holds = carillon_held(holds, carillon_why_held(schedule.state, j.state, NEW.state), clock_timestamp())
        FROM job j WHERE schedule.tenant_id = NEW.id AND schedule.state = 'active' AND j.id = schedule.job_id;
    RETURN NULL;
END $$
"""

OVERLAPS = ["allow", "skip", "queue_one", "queue_all", "cancel_previous"]


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0017_events'),
    ]

    operations = [
        migrations.AddField(
            model_name='schedule',
            name='holds',
            field=models.JSONField(blank=True, db_default=models.Value([], output_field=models.JSONField()), default=list, help_text='Not yet planned past: [from, until or null, why].'),
        ),
        migrations.AddField(
            model_name='operation',
            name='paced_at',
            field=models.DateTimeField(db_default=Now(), default=timezone.now, help_text='When something was last added to it, or its pace changed.'),
        ),
        migrations.AddField(
            model_name='operation',
            name='clearing',
            field=models.BooleanField(db_default=False, default=False, help_text='Executions of it that are no longer wanted are being skipped.'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.UniqueConstraint(condition=models.Q(('finished_at__isnull', True), ('kind', 'recovery')), fields=('tenant',), name='operation_one_recovery'),
        ),
        migrations.RemoveIndex(
            model_name='operation',
            name='operation_due',
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('state', 'running'), ('clearing', True), _connector='OR'), fields=['next_step_at'], name='operation_to_step'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('max_active__isnull', False), ('state', 'running')), fields=['paced_at'], name='operation_pacing'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('operation_id__isnull', False), ('state__in', ['pending', 'queued', 'running']), ('waiting_on', '')), fields=['operation_id'], name='execution_let_go'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('priority__lt', 0), ('state__in', ['queued', 'running'])), fields=['queue'], name='execution_in_background'),
        ),
        migrations.AlterField(
            model_name='job',
            name='overlap',
            field=models.CharField(choices=[('allow', 'Allow'), ('skip', 'Skip'), ('queue_one', 'Queue One'), ('queue_all', 'Queue All'), ('cancel_previous', 'Cancel Previous')], default='queue_one', max_length=16),
        ),
        migrations.RemoveConstraint(
            model_name='job',
            name='job_overlap_known',
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('overlap__in', OVERLAPS)), name='job_overlap_known'),
        ),
        *rls.grant("operation", app="", engine="INSERT"),
        *(rls.run(each) for each in (WHY, HELD, PACE, ON_SCHEDULE, ON_JOB, ON_TENANT)),
    ]
