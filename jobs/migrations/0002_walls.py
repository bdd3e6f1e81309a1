"""Row-level security, composite keys and the first queue."""

from django.db import migrations

from tenants import rls

WRITE = "SELECT, INSERT, UPDATE, DELETE"

# (table, column, parent): the parent must be a row of the same tenant.
REFERENCES = (
    ("job_revision", "job_id", "job"),
    ("job_tag", "job_id", "job"),
    ("schedule", "job_id", "job"),
    ("dead_letter", "job_id", "job"),
    ("execution", "job_id", "job"),
    ("execution", "schedule_id", "schedule"),
)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial"), ("tenants", "0002_walls")]

    operations = [
        # The owner must see what executions refer to: attaching a partition with rows checks their foreign keys as the owner.
        *rls.wall("job", app="SELECT, INSERT, UPDATE", engine="SELECT, UPDATE", owner_reads=True),
        *rls.wall("job_revision", app="SELECT, INSERT", engine="SELECT"),
        *rls.wall("job_tag", app=WRITE, engine="SELECT"),
        *rls.wall("schedule", app="SELECT, INSERT, UPDATE", engine="SELECT, UPDATE", owner_reads=True),
        *rls.wall("execution", app="SELECT, INSERT, UPDATE", engine=WRITE),
        *rls.wall("attempt", app="SELECT", engine=WRITE),
        *rls.wall("execution_log", app="SELECT", engine=WRITE),
        *rls.wall("event", app="SELECT, INSERT", engine=WRITE),
        *rls.wall("dead_letter", app="SELECT, INSERT, UPDATE", engine=WRITE),
        *rls.wall("reservation", app=WRITE, engine=WRITE),
        *rls.grant("queue", app="SELECT, INSERT, UPDATE", engine="SELECT"),
        *rls.grant("worker", app="SELECT", engine=WRITE),
        *rls.grant("pulse", app="SELECT", engine=WRITE),
        *(rls.composite_reference(*reference) for reference in REFERENCES),
        rls.run(
            "INSERT INTO queue (name, created_at) VALUES ('default', clock_timestamp())",
            "DELETE FROM queue WHERE name = 'default'",
        ),
    ]
