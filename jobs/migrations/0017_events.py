"""Schedules that wait for events, the events that came in, and the hooks that they come through."""

import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls

# After schedule_changed, whose name comes first: whatever marks a schedule for planning, one that goes by no clock is
# never planned.
WAITS = """
CREATE FUNCTION carillon_schedule_waits() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.due_at := NULL;
    NEW.next_run_at := NULL;
    RETURN NEW;
END $$
"""
ON_SCHEDULE = (
    "CREATE TRIGGER schedule_waits BEFORE INSERT OR UPDATE ON schedule FOR EACH ROW WHEN (NEW.kind = 'event') "
    "EXECUTE FUNCTION carillon_schedule_waits()"
)

FIND_HOOK = """
CREATE FUNCTION carillon_find_hook(wanted bytea) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT h.tenant_id, h.id FROM hook h WHERE h.digest = wanted $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0016_calendars'),
        ('tenants', '0013_kept_answers'),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='event',
            field=models.JSONField(help_text='The event that started it, for the expressions of its payload.', null=True),
        ),
        migrations.AddIndex(
            model_name='schedule',
            index=models.Index(condition=models.Q(('event', ''), _negated=True), fields=['tenant', 'event', 'id'], name='schedule_awaited'),
        ),
        migrations.CreateModel(
            name='Hook',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('event', models.CharField(help_text='Name of the event that it raises.', max_length=100)),
                ('scheme', models.CharField(choices=[('standard', 'standard'), ('github', 'github'), ('none', 'none')], max_length=16)),
                ('headers', models.JSONField(default=list, help_text='Names of headers that events tell of.')),
                ('description', models.CharField(blank=True, max_length=500)),
                ('enabled', models.BooleanField(default=True)),
                ('digest', models.BinaryField(max_length=32)),
                ('hint', models.CharField(help_text='How its token begins.', max_length=16)),
                ('secret', models.BinaryField(help_text="Sealed with the tenant's data key.", null=True)),
                ('former_secret', models.BinaryField(null=True)),
                ('former_until', models.DateTimeField(null=True)),
                ('last_received_at', models.DateTimeField(help_text='To the minute.', null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.CharField(blank=True, max_length=254)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'hook',
                'indexes': [models.Index(fields=['tenant', '-id'], name='hook_recent')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='hook_name_once'), models.UniqueConstraint(fields=('digest',), name='hook_digest_once')],
            },
        ),
        migrations.CreateModel(
            name='ReceivedEvent',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('sender', models.CharField(help_text='key:<id>, user:<e-mail> or hook:<name>.', max_length=254)),
                ('hook_id', models.UUIDField(help_text='That it came through; it may be deleted since.', null=True)),
                ('dedup_key', models.CharField(blank=True, max_length=255)),
                ('outcome', models.CharField(choices=[('started', 'started'), ('left_out', 'left_out'), ('unmatched', 'unmatched'), ('duplicate', 'duplicate'), ('refused', 'refused')], max_length=16)),
                ('problem', models.CharField(blank=True, help_text='Why it was refused.', max_length=500)),
                ('duplicate_of', models.UUIDField(null=True)),
                ('started', models.JSONField(default=list, help_text='schedule, job, execution and whether that had waited already.')),
                ('left_out', models.JSONField(default=list, help_text='schedule, job, reason and detail.')),
                ('payload_size', models.PositiveIntegerField(default=0, help_text='Characters of its payload.')),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('received_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'received_event',
                'indexes': [models.Index(fields=['tenant', '-id'], name='received_event_recent'), models.Index(fields=['tenant', 'name', '-id'], name='received_event_by_name'), models.Index(condition=models.Q(('hook_id__isnull', False)), fields=['tenant', 'hook_id', '-id'], name='received_event_by_hook'), models.Index(fields=['received_at'], name='received_event_age')],
            },
        ),
        *rls.wall("hook", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT", owner_reads=True),
        *rls.wall("received_event", app="SELECT, INSERT", engine="SELECT, INSERT, DELETE"),
        rls.run(WAITS, "DROP FUNCTION carillon_schedule_waits() CASCADE"),
        rls.run(ON_SCHEDULE),
        rls.run(FIND_HOOK, "DROP FUNCTION carillon_find_hook(bytea)"),
        rls.run("REVOKE ALL ON FUNCTION carillon_find_hook(bytea) FROM PUBLIC"),
        rls.run(f"GRANT EXECUTE ON FUNCTION carillon_find_hook(bytea) TO {rls.APP}"),
    ]
