"""Operations: long work over many executions."""

import django.core.serializers.json
import django.db.models.deletion
import jobs.rules.operations
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0013_lists'),
        ('tenants', '0012_staff'),
    ]

    operations = [
        migrations.CreateModel(
            name='Operation',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=16)),
                ('state', models.CharField(choices=[('running', 'running'), ('paused', 'paused'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('aborted', 'aborted')], default=jobs.rules.operations.State['RUNNING'], max_length=16)),
                ('filter', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='As it was asked for.', null=True)),
                ('conditions', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('ids', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='In their order, where no filter was given.', null=True)),
                ('payload', models.JSONField(help_text='Goes over the overrides of what is replayed.', null=True)),
                ('reason', models.CharField(max_length=500)),
                ('rate_per_second', models.FloatField()),
                ('matched', models.PositiveIntegerField(help_text='How many there were when it was made.')),
                ('matched_is_capped', models.BooleanField(default=False)),
                ('done', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('left_out', models.JSONField(default=dict, help_text='How many, by reason.')),
                ('failures', models.JSONField(default=list, help_text='The first ones: execution, code, message.')),
                ('cursor', models.UUIDField(help_text='The last execution that was looked at.', null=True)),
                ('next_step_at', models.DateTimeField()),
                ('waiting_on', models.CharField(blank=True, max_length=32)),
                ('ended_because', models.CharField(blank=True, help_text='Where it neither succeeded nor was cancelled.', max_length=500)),
                ('created_by', models.CharField(max_length=254)),
                ('granted', models.JSONField(default=list, help_text='What its author might do when it was made.')),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField()),
                ('paused_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'operation',
            },
        ),
        migrations.AddField(
            model_name='operation',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(fields=['tenant', '-id'], name='operation_recent'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('state', 'running')), fields=['next_step_at'], name='operation_due'),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='operation_ended'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['running', 'paused', 'succeeded', 'failed', 'aborted'])), name='operation_state_known'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state__in', [jobs.rules.operations.State['PAUSED'], jobs.rules.operations.State['RUNNING']])), models.Q(('finished_at__isnull', False), ('state__in', [jobs.rules.operations.State['ABORTED'], jobs.rules.operations.State['FAILED'], jobs.rules.operations.State['SUCCEEDED']])), _connector='OR'), name='operation_ended_iff_terminal'),
        ),
        *rls.wall("operation", app="SELECT, INSERT, UPDATE", engine="SELECT, UPDATE, DELETE"),
    ]
