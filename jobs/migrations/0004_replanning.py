"""When a schedule is looked at again is kept by the database, whoever changes the rows.

`due_at` is empty while the schedule, its job or its tenant is held. A change of the rule itself plans
strictly after max(now, last planned slot): nothing that has run is fired again.
"""

from django.db import migrations

from tenants import rls

SPEC = (
    "kind", "expression", "interval_seconds", "run_at", "timezone", "start_at", "end_at", "dst_gap", "dst_fold",
)  # fmt: skip
CHANGED = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in SPEC)

ON_SCHEDULE = f"""
CREATE FUNCTION carillon_schedule_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
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

ON_JOB = """
CREATE FUNCTION carillon_job_held() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE schedule SET due_at = CASE WHEN NEW.state = 'active' AND t.state = 'active' THEN clock_timestamp() END
        FROM tenant t WHERE schedule.job_id = NEW.id AND schedule.state = 'active' AND t.id = NEW.tenant_id;
    RETURN NULL;
END $$
"""

ON_TENANT = """
CREATE FUNCTION carillon_tenant_held() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE schedule SET due_at = CASE WHEN NEW.state = 'active' AND j.state = 'active' THEN clock_timestamp() END
        FROM job j WHERE schedule.tenant_id = NEW.id AND schedule.state = 'active' AND j.id = schedule.job_id;
    RETURN NULL;
END $$
"""

TRIGGERS = (
    "CREATE TRIGGER schedule_changed BEFORE INSERT OR UPDATE ON schedule FOR EACH ROW EXECUTE FUNCTION carillon_schedule_changed()",
    "CREATE TRIGGER job_held AFTER UPDATE OF state ON job FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state) "
    "EXECUTE FUNCTION carillon_job_held()",
    "CREATE TRIGGER tenant_held AFTER UPDATE OF state ON tenant FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state) "
    "EXECUTE FUNCTION carillon_tenant_held()",
)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_partitions")]

    operations = [
        rls.run(ON_SCHEDULE, "DROP FUNCTION carillon_schedule_changed() CASCADE"),
        rls.run(ON_JOB, "DROP FUNCTION carillon_job_held() CASCADE"),
        rls.run(ON_TENANT, "DROP FUNCTION carillon_tenant_held() CASCADE"),
        *(rls.run(trigger) for trigger in TRIGGERS),
    ]
