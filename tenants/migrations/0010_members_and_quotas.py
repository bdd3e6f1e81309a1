"""Quotas and defaults of tenants, and invitations with the look-up that happens before a tenant is known."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import tenants.fields
from django.db import migrations, models

from tenants import rls

FIND_INVITATION = """
CREATE FUNCTION carillon_find_invitation(wanted bytea) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT i.tenant_id, i.id FROM invitation i WHERE i.digest = wanted $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0009_secrets'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='allowed_job_types',
            field=models.JSONField(blank=True, db_default=models.Value([], output_field=models.JSONField()), default=list, help_text='Types its jobs may have; empty for all.'),
        ),
        migrations.AddField(
            model_name='tenant',
            name='allowed_queues',
            field=models.JSONField(blank=True, db_default=models.Value([], output_field=models.JSONField()), default=list, help_text='Queues its jobs may use; empty for all.'),
        ),
        migrations.AddField(
            model_name='tenant',
            name='default_retry',
            field=models.JSONField(blank=True, db_default=models.Value({}, output_field=models.JSONField()), default=dict, help_text='Of jobs that name none, as the API takes it.'),
        ),
        migrations.AddField(
            model_name='tenant',
            name='default_timeout_seconds',
            field=models.FloatField(blank=True, help_text='Of jobs that name none; 300 if empty.', null=True, validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(86400)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='default_timezone',
            field=models.CharField(blank=True, db_default='', default='', help_text='Of schedules that name none; UTC if empty.', max_length=64),
        ),
        migrations.AddField(
            model_name='tenant',
            name='max_jobs',
            field=models.PositiveIntegerField(blank=True, help_text='Most jobs stored.', null=True, validators=[django.core.validators.MaxValueValidator(2000000000)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='max_log_bytes',
            field=models.PositiveIntegerField(blank=True, help_text='Most bytes that one attempt may log; what follows is counted and not kept.', null=True, validators=[django.core.validators.MinValueValidator(1024), django.core.validators.MaxValueValidator(16777216)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='max_schedules',
            field=models.PositiveIntegerField(blank=True, help_text='Most schedules stored.', null=True, validators=[django.core.validators.MaxValueValidator(2000000000)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='max_unfinished',
            field=models.PositiveIntegerField(blank=True, help_text='Most executions that have not ended, waiting or running.', null=True, validators=[django.core.validators.MaxValueValidator(2000000000)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='retention_days',
            field=models.PositiveIntegerField(blank=True, help_text='How long ended executions are kept. Never longer than the installation keeps them.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='suspension_reason',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=500),
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('runner', 'Runner'), ('editor', 'Editor'), ('admin', 'Admin')], max_length=16)),
                ('own_jobs_only', models.BooleanField(default=False)),
                ('digest', models.BinaryField(max_length=32)),
                ('sent_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='Passwords tried with it that were none.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.CharField(blank=True, max_length=254)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'invitation',
                'indexes': [models.Index(fields=['tenant', '-id'], name='invitation_recent')],
                'constraints': [models.UniqueConstraint(fields=('digest',), name='invitation_digest_once'), models.UniqueConstraint(models.F('tenant'), django.db.models.functions.text.Lower('email'), condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True)), name='invitation_open_once'), models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'runner', 'editor', 'admin'])), name='invitation_role_known')],
            },
        ),
        *rls.wall("invitation", app="SELECT, INSERT, UPDATE", engine="", owner_reads=True),
        rls.run(FIND_INVITATION, "DROP FUNCTION carillon_find_invitation(bytea)"),
        rls.run("REVOKE ALL ON FUNCTION carillon_find_invitation(bytea) FROM PUBLIC"),
        rls.run(f"GRANT EXECUTE ON FUNCTION carillon_find_invitation(bytea) TO {rls.APP}"),
    ]
