"""Executions that wait, begun, for what somebody else ends."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0028_tags'),
        ('tenants', '0014_calendars'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='attempt',
            name='attempt_state_known',
        ),
        migrations.RemoveIndex(
            model_name='execution',
            name='execution_overlapping',
        ),
        migrations.RemoveIndex(
            model_name='execution',
            name='execution_expiring',
        ),
        migrations.AddField(
            model_name='execution',
            name='resume_at',
            field=models.DateTimeField(help_text='When a suspended one goes on; of one that runs, that it was woken meanwhile.', null=True),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='state',
            field=models.CharField(choices=[('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('released', 'Released'), ('deferred', 'Deferred'), ('suspended', 'Suspended'), ('lost', 'Lost')], default='running', max_length=16),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('ripened_at__isnull', False), ('state__in', ['scheduled', 'blocked', 'pending', 'queued', 'running']), ('trigger', 'schedule')), fields=['job', 'state'], name='execution_overlapping'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('expires_at__isnull', False), ('state__in', ['scheduled', 'blocked', 'pending', 'queued'])), fields=['expires_at'], name='execution_expiring'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('resume_at__isnull', False), ('state', 'blocked')), fields=['resume_at'], name='execution_suspended'),
        ),
        migrations.AddConstraint(
            model_name='attempt',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['running', 'succeeded', 'failed', 'cancelled', 'released', 'deferred', 'suspended', 'lost'])), name='attempt_state_known'),
        ),
    ]
