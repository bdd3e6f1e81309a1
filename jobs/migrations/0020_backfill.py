"""Backfills: how far one has come, and the executions of a slot, and of an operation, by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0019_windows'),
    ]

    operations = [
        migrations.AddField(
            model_name='operation',
            name='made',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='Executions, where it makes some.'),
        ),
        migrations.AddField(
            model_name='operation',
            name='reached_at',
            field=models.DateTimeField(help_text='The last slot that a backfill has looked at.', null=True),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('trigger', 'backfill')), fields=['tenant', 'schedule', 'scheduled_for'], name='execution_backfilled'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('operation_id__isnull', False)), fields=['tenant', 'operation_id', '-id'], name='execution_made_by'),
        ),
    ]
