"""Executors: who claims over HTTP, and what they may read and write."""

import django.contrib.postgres.fields
import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls

# What a payload asks of an executor, its execution's overrides first.
NEEDS = """
CREATE FUNCTION carillon_needs(spec jsonb, overrides jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT jsonb_build_object(
    'capabilities', coalesce(overrides -> 'capabilities', spec #> '{payload,capabilities}', '[]'),
    'executor', coalesce(overrides -> 'executor', spec #> '{payload,executor}', 'null')) $$
"""

# The same rule as jobs/rules/matching.py.
FITS = """
CREATE FUNCTION carillon_fits(name text, capabilities text[], needs jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(needs ->> 'executor', '') IN ('', name) AND needs -> 'capabilities' <@ to_jsonb(capabilities) $$
"""

# The app cannot read secrets. This opens those that a job names, while an executor of the tenant in scope holds it.
CLAIMED_SECRETS = """
CREATE FUNCTION carillon_claimed_secrets(wanted uuid, at_epoch int)
RETURNS TABLE (id uuid, name varchar, kind varchar, number int, in_force boolean, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT s.id, s.name, s.kind, v.number, v.number = s.version, v.sealed
FROM execution e
JOIN job o ON o.tenant_id = e.tenant_id AND o.id = e.job_id AND o.type = 'external'
JOIN executor x ON x.tenant_id = e.tenant_id AND x.lease_id = e.worker_id AND x.lease_expires_at > clock_timestamp()
JOIN job_secret j ON j.tenant_id = e.tenant_id AND j.job_id = e.job_id
JOIN secret s ON s.tenant_id = e.tenant_id AND s.name = j.name
JOIN secret_version v ON v.tenant_id = e.tenant_id AND v.secret_id = s.id
WHERE e.id = wanted AND e.epoch = at_epoch AND e.state = 'running'
    AND e.tenant_id = nullif(current_setting('carillon.tenant', true), '')::uuid $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0032_worker_refuses'),
        ('tenants', '0015_files'),
    ]

    operations = [
        migrations.AddField(
            model_name='executionlog',
            name='size',
            field=models.PositiveIntegerField(help_text='What it counts for, of chunks that an executor sent.', null=True),
        ),
        migrations.AlterField(
            model_name='queue',
            name='pool',
            field=models.CharField(choices=[('prefork', 'Prefork'), ('threads', 'Threads'), ('external', 'External')], db_default='prefork', default='prefork', max_length=16),
        ),
        migrations.CreateModel(
            name='Executor',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('description', models.CharField(blank=True, max_length=500)),
                ('capabilities', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('queues', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=63), size=None)),
                ('max_concurrent', models.PositiveSmallIntegerField(default=1)),
                ('state', models.CharField(choices=[('active', 'Active'), ('inactive', 'Inactive')], default='active', max_length=16)),
                ('lease_id', models.UUIDField(null=True)),
                ('draining', models.BooleanField(default=False, help_text='Its process wants nothing more.')),
                ('started_at', models.DateTimeField(help_text='When the process that speaks for it registered.', null=True)),
                ('renewed_at', models.DateTimeField(null=True)),
                ('lease_expires_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.CharField(blank=True, max_length=254)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'executor',
                'indexes': [models.Index(fields=['tenant', '-id'], name='executor_recent')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='executor_name_once'), models.UniqueConstraint(fields=('lease_id',), name='executor_lease_once'), models.CheckConstraint(condition=models.Q(('state__in', ['active', 'inactive'])), name='executor_state_known')],
            },
        ),
        *rls.wall("executor", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT", owner_reads=True),
        # An executor's claims are made, logged and ended by the process that it speaks to.
        *rls.grant("attempt", app="INSERT, UPDATE", engine=""),
        *rls.grant("execution_log", app="INSERT, UPDATE", engine=""),
        *(
            rls.run(
                f"CREATE POLICY {table}_owner ON {table} FOR SELECT TO {rls.OWNER} USING (true)",
                f"DROP POLICY {table}_owner ON {table}",
            )
            for table in ("execution", "job_secret", "secret", "secret_version")
        ),
        rls.run(NEEDS, "DROP FUNCTION carillon_needs(jsonb, jsonb)"),
        rls.run(FITS, "DROP FUNCTION carillon_fits(text, text[], jsonb)"),
        rls.run(CLAIMED_SECRETS, "DROP FUNCTION carillon_claimed_secrets(uuid, int)"),
        rls.run("REVOKE ALL ON FUNCTION carillon_claimed_secrets(uuid, int) FROM PUBLIC"),
        rls.run(f"GRANT EXECUTE ON FUNCTION carillon_claimed_secrets(uuid, int) TO {rls.APP}"),
    ]
