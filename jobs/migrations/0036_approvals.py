"""Decisions that executions wait for."""

import django.db.models.deletion
import jobs.rules.approvals
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0035_with_downstream'),
        ('tenants', '0014_calendars'),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('execution_id', models.UUIDField(unique=True)),
                ('question', models.CharField(max_length=2000)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('approved', 'approved'), ('rejected', 'rejected'), ('lapsed', 'lapsed'), ('withdrawn', 'withdrawn')], default=jobs.rules.approvals.Standing['WAITING'], max_length=16)),
                ('roles', models.JSONField(default=list)),
                ('members', models.JSONField(default=list)),
                ('api_keys', models.JSONField(default=list)),
                ('not_by_requester', models.BooleanField(default=False)),
                ('requested_by', models.CharField(blank=True, max_length=254)),
                ('until', models.DateTimeField()),
                ('by_default', models.CharField(choices=[('approve', 'approve'), ('reject', 'reject'), ('fail', 'fail')], max_length=16)),
                ('decided_by', models.CharField(blank=True, default='', help_text='Empty where nobody did in time.', max_length=254)),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('created_at', models.DateTimeField()),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='jobs.job')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'approval',
                'indexes': [models.Index(fields=['tenant', '-id'], name='approval_recent'), models.Index(fields=['tenant', 'state', '-id'], name='approval_by_state'), models.Index(condition=models.Q(('state', 'waiting')), fields=['id'], name='approval_waiting'), models.Index(condition=models.Q(('decided_at__isnull', False)), fields=['decided_at'], name='approval_ended')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'approved', 'rejected', 'lapsed', 'withdrawn'])), name='approval_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'waiting')), models.Q(models.Q(('state', 'waiting'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='approval_decided_once')],
            },
        ),
        *rls.wall("approval", app="SELECT, UPDATE", engine="SELECT, INSERT, UPDATE, DELETE"),
        rls.composite_reference("approval", "job_id", "job"),
    ]
