"""Reservations come from jobs, and keep whole answers. Nothing has used the table before."""

import django.contrib.postgres.fields
import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

AS_IT_WAS = migrations.CreateModel(
    name='Reservation',
    fields=[
        ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
        ('scope', models.CharField(max_length=64)),
        ('key', models.CharField(max_length=255)),
        ('fingerprint', models.CharField(blank=True, help_text='Hash of the first request, to refuse another under its key.', max_length=64)),
        ('execution_id', models.UUIDField(null=True)),
        ('status', models.PositiveSmallIntegerField(null=True)),
        ('body', models.JSONField(null=True)),
        ('expires_at', models.DateTimeField()),
        ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
    ],
    options={
        'db_table': 'reservation',
        'constraints': [models.UniqueConstraint(fields=('tenant', 'scope', 'key'), name='reservation_once')],
        'indexes': [models.Index(fields=['expires_at'], name='reservation_expiry')],
    },
)


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0012_reservation_moves'),
        ('tenants', '0012_staff'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[AS_IT_WAS]),
        migrations.RemoveConstraint(model_name='reservation', name='reservation_once'),
        migrations.RemoveField(model_name='reservation', name='body'),
        migrations.AddField(model_name='reservation', name='body', field=models.BinaryField(null=True)),
        migrations.AddField(model_name='reservation', name='headers', field=models.JSONField(null=True)),
        migrations.AddField(
            model_name='reservation',
            name='actor',
            field=models.CharField(db_default='', help_text='Whose key it is: key:<id> or user:<e-mail>.', max_length=260),
        ),
        migrations.AddField(
            model_name='reservation',
            name='granted',
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=32),
                db_default=models.Value([], output_field=django.contrib.postgres.fields.ArrayField(models.CharField(max_length=32))),
                default=list,
                help_text='What its author might do then: whoever may less now is not told the answer.',
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name='reservation',
            name='fingerprint',
            field=models.CharField(blank=True, help_text='Keyed hash of the first request, to refuse another under its key.', max_length=64),
        ),
        migrations.AlterField(
            model_name='reservation',
            name='tenant',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(fields=('tenant', 'scope', 'actor', 'key'), name='reservation_once'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(condition=models.Q(('tenant', None)), fields=('scope', 'actor', 'key'), name='reservation_once_of_platform'),
        ),
    ]
