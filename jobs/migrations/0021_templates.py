"""Job templates of tenants."""

import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0020_backfill'),
        ('tenants', '0014_calendars'),
    ]

    operations = [
        migrations.CreateModel(
            name='JobTemplate',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('description', models.CharField(blank=True, max_length=1000)),
                ('category', models.CharField(blank=True, max_length=64)),
                ('parameters', models.JSONField(default=dict)),
                ('body', models.JSONField(default=dict)),
                ('active', models.BooleanField(default=True)),
                ('version', models.PositiveIntegerField(default=1, help_text='One more with each change.')),
                ('owner', models.CharField(blank=True, help_text='Of an editor of own jobs who made it.', max_length=254)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'job_template',
                'indexes': [models.Index(fields=['tenant', '-id'], name='job_template_recent')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='job_template_name_once')],
            },
        ),
        *rls.wall("job_template", app="SELECT, INSERT, UPDATE, DELETE", engine=""),
    ]
