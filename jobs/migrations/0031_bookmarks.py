"""How far jobs have got."""

import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0030_artifacts'),
        ('tenants', '0015_files'),
    ]

    operations = [
        migrations.CreateModel(
            name='Bookmark',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('value', models.JSONField()),
                ('moved_at', models.DateTimeField()),
                ('execution_id', models.UUIDField(help_text='Which moved it last.')),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='jobs.job')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'bookmark',
                'constraints': [models.UniqueConstraint(fields=('job', 'name'), name='bookmark_once')],
            },
        ),
        *rls.wall("bookmark", app="SELECT", engine="SELECT, INSERT, UPDATE"),
        rls.composite_reference("bookmark", "job_id", "job"),
    ]
