"""Maintenance windows, and what waits for its execution window to open again."""

import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls

# What the platform holds is no secret to those whom it holds.
SHARED = f"CREATE POLICY maintenance_window_shared ON maintenance_window FOR SELECT TO {rls.APP} USING (tenant_id IS NULL)"


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0018_recovery'),
        ('tenants', '0013_kept_answers'),
    ]

    operations = [
        migrations.CreateModel(
            name='MaintenanceWindow',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('action', models.CharField(choices=[('hold', 'Hold'), ('skip', 'Skip')], default='hold', max_length=16)),
                ('silence_alerts', models.BooleanField(db_default=False, default=False)),
                ('reason', models.CharField(max_length=500)),
                ('starts_at', models.DateTimeField(blank=True, null=True)),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('expression', models.CharField(blank=True, db_default='', default='', max_length=200)),
                ('timezone', models.CharField(default='UTC', max_length=64)),
                ('duration_seconds', models.PositiveIntegerField(blank=True, null=True)),
                ('opens_at', models.DateTimeField(editable=False, null=True)),
                ('closes_at', models.DateTimeField(editable=False, null=True)),
                ('last_opened_at', models.DateTimeField(editable=False, null=True)),
                ('last_closed_at', models.DateTimeField(editable=False, null=True)),
                ('ruled_at', models.DateTimeField(editable=False, help_text='Since when its times are as they are.')),
                ('deleted_at', models.DateTimeField(editable=False, null=True)),
                ('created_by', models.CharField(blank=True, editable=False, max_length=254)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'db_table': 'maintenance_window',
            },
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('start_before__isnull', False), ('state__in', ['pending', 'queued'])), fields=['start_before'], name='execution_closing'),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='job',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='queue',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='jobs.queue'),
        ),
        migrations.AddField(
            model_name='maintenancewindow',
            name='tenant',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddIndex(
            model_name='maintenancewindow',
            index=models.Index(condition=models.Q(('opens_at__isnull', False)), fields=['opens_at'], name='maintenance_open'),
        ),
        migrations.AddIndex(
            model_name='maintenancewindow',
            index=models.Index(condition=models.Q(('closes_at__isnull', False)), fields=['closes_at'], name='maintenance_over'),
        ),
        migrations.AddIndex(
            model_name='maintenancewindow',
            index=models.Index(fields=['last_closed_at'], name='maintenance_lately'),
        ),
        migrations.AddIndex(
            model_name='maintenancewindow',
            index=models.Index(fields=['tenant', '-id'], name='maintenance_recent'),
        ),
        migrations.AddConstraint(
            model_name='maintenancewindow',
            constraint=models.CheckConstraint(condition=models.Q(('action__in', ['hold', 'skip'])), name='maintenance_action_known'),
        ),
        migrations.AddConstraint(
            model_name='maintenancewindow',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ends_at__gt', models.F('starts_at')), ('expression', ''), ('starts_at__isnull', False)), models.Q(('duration_seconds__gt', 0), ('ends_at__isnull', True), ('starts_at__isnull', True), models.Q(('expression', ''), _negated=True)), _connector='OR'), name='maintenance_once_or_again'),
        ),
        migrations.AddConstraint(
            model_name='maintenancewindow',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closes_at__isnull', True), ('opens_at__isnull', True)), ('closes_at__gt', models.F('opens_at')), _connector='OR'), name='maintenance_closes_later'),
        ),
        migrations.AddConstraint(
            model_name='maintenancewindow',
            constraint=models.CheckConstraint(condition=models.Q(('job__isnull', True), models.Q(('queue__isnull', True), ('tenant__isnull', False)), _connector='OR'), name='maintenance_one_scope'),
        ),
        *rls.wall("maintenance_window", app="SELECT, INSERT, UPDATE", engine="SELECT, UPDATE"),
        rls.run(SHARED),
        rls.composite_reference("maintenance_window", "job_id", "job"),
    ]
