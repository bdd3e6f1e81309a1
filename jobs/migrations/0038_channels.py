"""Messages to the channels of jobs, and which those are."""

import django.db.models.deletion
import django.db.models.expressions
import jobs.models.event
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0037_resolutions_pruned'),
        ('tenants', '0017_script_grants'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='on_failure',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='Channels that are told when an execution has failed for good: names of secrets.'),
        ),
        migrations.AddField(
            model_name='job',
            name='on_success',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list, help_text='Channels that are told when an execution has succeeded.'),
        ),
        migrations.CreateModel(
            name='ChannelCursor',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('xid', jobs.models.event.TransactionIdField(db_default=django.db.models.expressions.RawSQL("'0'::xid8", ()))),
                ('event_id', models.UUIDField()),
            ],
            options={
                'db_table': 'channel_cursor',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='channel_cursor_once')],
            },
        ),
        migrations.CreateModel(
            name='ChannelMessage',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='jobs.job')),
                ('execution_id', models.UUIDField()),
                ('channel', models.CharField(help_text='Name of a secret that is a connection.', max_length=64)),
                ('ended', models.CharField(help_text='failed or succeeded.', max_length=16)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('given_up', 'Given Up')], default='waiting', max_length=16)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField()),
                ('problem', models.CharField(blank=True, default='', max_length=1000)),
                ('created_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'channel_message',
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['next_at'], name='channel_message_due'), models.Index(fields=['execution_id'], name='channel_message_of'), models.Index(fields=['created_at'], name='channel_message_age')],
            },
        ),
        *rls.wall("channel_message", app="SELECT", engine="SELECT, INSERT, UPDATE, DELETE"),
        rls.composite_reference("channel_message", "job_id", "job"),
        *rls.grant("channel_cursor", app="", engine="SELECT, UPDATE"),
        rls.run("INSERT INTO channel_cursor (id, xid, event_id) "
                "VALUES (1, pg_snapshot_xmin(pg_current_snapshot()), '00000000-0000-0000-0000-000000000000')"),
        rls.run("CREATE INDEX job_with_channels ON job (id) WHERE on_failure <> '[]' OR on_success <> '[]'",
                "DROP INDEX job_with_channels"),
    ]
