"""A job whose caps change says so, whoever changes it: admission hears of it as of an execution that ended."""

from django.db import migrations

from tenants import rls

ON_CAPS = """
CREATE FUNCTION carillon_job_caps_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO event (id, tenant_id, kind, job_id, data, created_at)
    VALUES (carillon_child_id(carillon_floor_id(clock_timestamp()), NEW.id || gen_random_uuid()::text), NEW.tenant_id,
        'job.changed', NEW.id, '{}', clock_timestamp());
    RETURN NULL;
END $$
"""

TRIGGER = """
CREATE TRIGGER job_caps_changed AFTER UPDATE OF state, max_running, overlap ON job FOR EACH ROW
WHEN ((NEW.state, NEW.max_running, NEW.overlap) IS DISTINCT FROM (OLD.state, OLD.max_running, OLD.overlap))
EXECUTE FUNCTION carillon_job_caps_changed()
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_batches_and_pools")]

    operations = [
        rls.run(ON_CAPS, "DROP FUNCTION carillon_job_caps_changed() CASCADE"),
        rls.run(TRIGGER),
    ]
