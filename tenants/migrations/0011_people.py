"""Log-ins of people over the API, keys of the platform, and what django-axes may do."""

import django.contrib.postgres.fields
import django.db.models.deletion
import tenants.fields
from tenants import rls
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('axes', '0010_accessattemptexpiration'),
        ('tenants', '0010_members_and_quotas'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='addresses',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=43), blank=True, db_default=models.Value([], output_field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=43), size=None)), default=list, help_text='Addresses and networks it may be used from; empty for any.', size=None),
        ),
        migrations.AddField(
            model_name='apikey',
            name='last_used_address',
            field=models.GenericIPAddressField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='log_outs',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False, help_text='How often all their sessions were ended at once.'),
        ),
        migrations.AlterField(
            model_name='apikey',
            name='tenant',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.CreateModel(
            name='LoginSession',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('current', models.BinaryField(max_length=32)),
                ('former', models.BinaryField(max_length=32, null=True)),
                ('auth_hash', models.CharField(editable=False, max_length=128)),
                ('address', models.GenericIPAddressField(null=True)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField()),
                ('refreshed_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_because', models.CharField(blank=True, db_default='', default='', max_length=32)),
                ('home', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='login_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'login_session',
                'indexes': [models.Index(fields=['home', '-id'], name='login_session_of_tenant'), models.Index(fields=['expires_at'], name='login_session_expiry')],
            },
        ),
        *rls.grant("login_session", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT, DELETE"),
        *rls.grant("axes_accessattempt", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT, DELETE"),
        *rls.grant("axes_accessattemptexpiration", app="SELECT, DELETE", engine=""),
        *rls.grant("django_session", app="", engine="SELECT, DELETE"),
        rls.run(f"GRANT USAGE ON SEQUENCE axes_accessattempt_id_seq TO {rls.APP}"),
    ]
