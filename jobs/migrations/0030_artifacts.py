"""What executions leave behind beside their result."""

import django.db.models.deletion
import django.db.models.expressions
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0029_awaiting'),
        ('tenants', '0015_files'),
    ]

    operations = [
        migrations.CreateModel(
            name='Artifact',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('execution_id', models.UUIDField()),
                ('attempt', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('bytes', models.PositiveBigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('content_type', models.CharField(max_length=120)),
                ('key', models.UUIDField(unique=True)),
                ('state', models.CharField(choices=[('kept', 'Kept'), ('lost', 'Lost'), ('deleted', 'Deleted')], default='kept', max_length=16)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'artifact',
                'indexes': [models.Index(fields=['expires_at'], name='artifact_expiry'), models.Index(condition=models.Q(('state', 'kept')), fields=['tenant'], include=('bytes',), name='artifact_room'), models.Index(models.F('tenant'), django.db.models.expressions.CombinedExpression(models.F('expires_at'), '-', models.F('created_at')), condition=models.Q(('state', 'deleted'), _negated=True), name='artifact_length')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['kept', 'lost', 'deleted'])), name='artifact_state_known'), models.UniqueConstraint(condition=models.Q(('state', 'deleted'), _negated=True), fields=('execution_id', 'name'), name='artifact_once')],
            },
        ),
        *rls.wall("artifact", app="SELECT, UPDATE", engine="SELECT, INSERT, UPDATE, DELETE"),
    ]
