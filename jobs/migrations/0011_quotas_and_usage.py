"""Room under quotas of unfinished executions, and what each tenant has used by day."""

import django.db.models.deletion
import django.db.models.expressions
import jobs.models.event
import tenants.fields
from django.db import migrations, models

from tenants import rls

DRAW = """
CREATE FUNCTION carillon_draw(tenant uuid, wanted int, most int, OUT granted int, OUT unfinished int)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    held quota_room;
BEGIN
    UPDATE quota_room q SET room = q.room - wanted WHERE q.id = tenant AND q.most = carillon_draw.most AND q.room >= wanted;
    IF FOUND THEN
        granted := wanted;
        RETURN;
    END IF;
    -- Whoever drew before has committed once this row is locked, so the count that follows sees all they made.
    INSERT INTO quota_room AS q (id, tenant_id, most, room, counted_at)
    VALUES (tenant, tenant, carillon_draw.most, 0, '-infinity')
    ON CONFLICT (id) DO UPDATE SET tenant_id = excluded.tenant_id RETURNING q.* INTO held;
    -- A full one is counted again after 10 us for each it has counted: a flood of requests costs a bounded share.
    IF held.most <> carillon_draw.most
        OR held.room < wanted AND clock_timestamp() >= held.counted_at + carillon_draw.most * interval '10 microseconds' THEN
        SELECT count(*) INTO unfinished FROM (
            SELECT FROM execution e WHERE e.tenant_id = tenant
                AND e.state IN ('scheduled', 'blocked', 'pending', 'queued', 'running') LIMIT carillon_draw.most) counted;
        held.room := carillon_draw.most - unfinished;
        held.counted_at := clock_timestamp();
    END IF;
    granted := least(wanted, held.room);
    unfinished := carillon_draw.most - held.room;
    UPDATE quota_room q SET most = carillon_draw.most, room = held.room - granted, counted_at = held.counted_at
    WHERE q.id = tenant;
END $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0010_secrets'),
        ('tenants', '0010_members_and_quotas'),
    ]

    operations = [
        migrations.CreateModel(
            name='QuotaRoom',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('most', models.PositiveIntegerField(help_text='The quota it was counted for.')),
                ('room', models.PositiveIntegerField()),
                ('counted_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'quota_room',
            },
        ),
        migrations.CreateModel(
            name='UsageCursor',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('xid', jobs.models.event.TransactionIdField(db_default=django.db.models.expressions.RawSQL("'0'::xid8", ()))),
                ('event_id', models.UUIDField()),
            ],
            options={
                'db_table': 'usage_cursor',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='usage_cursor_once')],
            },
        ),
        migrations.CreateModel(
            name='UsageDay',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('succeeded', models.PositiveBigIntegerField(default=0)),
                ('failed', models.PositiveBigIntegerField(default=0)),
                ('cancelled', models.PositiveBigIntegerField(default=0)),
                ('skipped', models.PositiveBigIntegerField(default=0, help_text='Slots; a folded row counts as many as it stands for.')),
                ('run_seconds', models.FloatField(default=0, help_text='Of all attempts, from claim to end.')),
                ('log_bytes', models.PositiveBigIntegerField(default=0, help_text='As stored, compressed.')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'usage_day',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'day'), name='usage_day_once')],
            },
        ),
        rls.run(DRAW, "DROP FUNCTION carillon_draw(uuid, int, int)"),
        *rls.wall("quota_room", app="SELECT, INSERT, UPDATE", engine="SELECT, INSERT, UPDATE"),
        *rls.wall("usage_day", app="SELECT", engine="SELECT, INSERT, UPDATE"),
        *rls.grant("usage_cursor", app="", engine="SELECT, UPDATE"),
        rls.run("INSERT INTO usage_cursor (id, xid, event_id) VALUES (1, '0', '00000000-0000-0000-0000-000000000000')"),
    ]
