"""Canaries of operations, what people say of what they skip and close, and which kinds of failure are taken for mended."""

import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0025_dedup'),
        ('tenants', '0014_calendars'),
    ]

    operations = [
        migrations.AddField(
            model_name='deadletter',
            name='note',
            field=models.CharField(blank=True, db_default='', default='', help_text='Why, in the words of who closed it.', max_length=500),
        ),
        migrations.AddField(
            model_name='execution',
            name='ended_because',
            field=models.CharField(blank=True, db_default='', default='', help_text='Why, in the words of who skipped it.', max_length=500),
        ),
        migrations.AddField(
            model_name='operation',
            name='canary',
            field=models.JSONField(help_text='The first few that run again and decide on the rest: as jobs.rules.canaries has it.', null=True),
        ),
        migrations.CreateModel(
            name='FailureResolution',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('fingerprint', models.CharField(max_length=32)),
                ('note', models.CharField(max_length=500)),
                ('resolved_by', models.CharField(max_length=254)),
                ('resolved_at', models.DateTimeField()),
                ('operation_id', models.UUIDField(help_text='Which closes the dead letters.')),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='jobs.job')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'failure_resolution',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'fingerprint', 'job'), name='failure_resolution_last', nulls_distinct=False)],
            },
        ),
        *rls.wall("failure_resolution", app="SELECT, INSERT, UPDATE", engine="SELECT"),
        rls.composite_reference("failure_resolution", "job_id", "job"),
    ]
