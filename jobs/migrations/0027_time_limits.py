"""How long executions may wait and take in all, and jobs that are paused by themselves."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0026_letters'),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='expires_at',
            field=models.DateTimeField(help_text='Until when it must have begun; once it has, until when it must have ended.', null=True),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('expires_at__isnull', False), ('state__in', ['scheduled', 'pending', 'queued'])), fields=['expires_at'], name='execution_expiring'),
        ),
        migrations.AddField(
            model_name='job',
            name='failed_in_a_row',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text='Kept while pause_after_failures is set.'),
        ),
        migrations.AddField(
            model_name='job',
            name='failures_at_pause',
            field=models.PositiveIntegerField(blank=True, help_text='How many there were when it was paused by itself.', null=True),
        ),
    ]
