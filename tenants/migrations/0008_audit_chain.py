"""The audit trail is signed and sealed; indexes for whatever it is searched by."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from tenants import rls

ON_ROW = """
CREATE FUNCTION carillon_audit_row_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audit_unsealed (event_id) VALUES (NEW.id);
    RETURN NULL;
END $$
"""

TRIGGER = """
CREATE TRIGGER audit_row_written AFTER INSERT ON audit_event FOR EACH ROW
EXECUTE FUNCTION carillon_audit_row_written()
"""

# The owner sees no row of a table whose wall is forced.
EARLIER = (
    "ALTER TABLE audit_event NO FORCE ROW LEVEL SECURITY",
    "INSERT INTO audit_unsealed (event_id) SELECT id FROM audit_event",
    "ALTER TABLE audit_event FORCE ROW LEVEL SECURITY",
)


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0007_api_rate_limit'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('event_id', models.UUIDField(unique=True)),
                ('position', models.BigIntegerField()),
                ('previous_seal', models.BinaryField(max_length=32)),
                ('seal', models.BinaryField(max_length=32)),
                ('previous_link', models.BinaryField(max_length=32)),
                ('link', models.BinaryField(max_length=32)),
                ('key_id', models.CharField(max_length=8)),
                ('sealed_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'audit_seal',
            },
        ),
        migrations.CreateModel(
            name='UnsealedEvent',
            fields=[
                ('event_id', models.UUIDField(primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'audit_unsealed',
            },
        ),
        migrations.AddField(
            model_name='auditevent',
            name='signature',
            field=models.BinaryField(help_text='Of whoever wrote it; empty in the oldest rows.', max_length=32, null=True),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='tenant',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['tenant', 'object_type', '-id'], name='audit_event_of_type'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['tenant', 'action', '-id'], name='audit_event_of_action'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['action', '-id'], name='audit_event_of_any_action'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['actor', '-id'], name='audit_event_by_actor'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id'], name='audit_event_of_request'),
        ),
        migrations.AddField(
            model_name='auditseal',
            name='tenant',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddConstraint(
            model_name='auditseal',
            constraint=models.UniqueConstraint(fields=('tenant', 'position'), name='audit_seal_of_tenant', nulls_distinct=False),
        ),
        *rls.wall("audit_seal", app="SELECT", engine="SELECT, INSERT"),
        *rls.grant("audit_unsealed", app="SELECT", engine="SELECT, DELETE"),
        rls.run(ON_ROW, "DROP FUNCTION carillon_audit_row_written() CASCADE"),
        rls.run("REVOKE ALL ON FUNCTION carillon_audit_row_written() FROM PUBLIC"),
        rls.run(TRIGGER),
        *rls.functions(EARLIER),
    ]
