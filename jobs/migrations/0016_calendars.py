"""Calendars of tenants, and how a calendar's new name comes into the schedules that use it."""

import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls

# A schedule's rule does not change with a calendar's name: what has been planned, and when it is looked at next, stays.
# Triggers fire in the order of their names, so this one has the last word after schedule_changed.
RENAMED = """
CREATE FUNCTION carillon_calendar_renamed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.planned_until := OLD.planned_until;
    NEW.next_run_at := OLD.next_run_at;
    NEW.due_at := OLD.due_at;
    NEW.state := OLD.state;
    NEW.problem := OLD.problem;
    RETURN NEW;
END $$
"""
ON_RENAMED = """
CREATE TRIGGER zz_calendar_renamed BEFORE UPDATE OF calendars ON schedule FOR EACH ROW
    WHEN (current_setting('carillon.calendar_renamed', true) = 'on') EXECUTE FUNCTION carillon_calendar_renamed()
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0015_time'),
        ('tenants', '0014_calendars'),
    ]

    operations = [
        migrations.CreateModel(
            name='Calendar',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('description', models.CharField(blank=True, max_length=500)),
                ('kind', models.CharField(choices=[('holidays', 'Holidays'), ('dates', 'Dates'), ('ical', 'Ical')], max_length=16)),
                ('country', models.CharField(blank=True, max_length=2)),
                ('subdivision', models.CharField(blank=True, max_length=32)),
                ('dates', models.JSONField(default=list)),
                ('extends', models.JSONField(default=list, help_text='Ids of the calendars whose days it inherits.')),
                ('weekend', models.JSONField(default=list, help_text='Weekdays without business; Monday is 0.')),
                ('days', models.JSONField(default=dict)),
                ('digest', models.CharField(max_length=64)),
                ('source', models.CharField(blank=True, help_text='What told the days that were not typed in.', max_length=100)),
                ('owner', models.CharField(blank=True, help_text='Of an editor of own jobs who made it.', max_length=254)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'db_table': 'calendar',
            },
        ),
        migrations.AddIndex(
            model_name='schedule',
            index=models.Index(condition=models.Q(('calendars', models.Value([], output_field=models.JSONField())), _negated=True), fields=['tenant', 'id'], name='schedule_with_calendars'),
        ),
        migrations.AddField(
            model_name='calendar',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddIndex(
            model_name='calendar',
            index=models.Index(fields=['tenant', '-id'], name='calendar_recent'),
        ),
        migrations.AddConstraint(
            model_name='calendar',
            constraint=models.UniqueConstraint(fields=('tenant', 'id'), name='calendar_tenant_key'),
        ),
        migrations.AddConstraint(
            model_name='calendar',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='calendar_name_once'),
        ),
        migrations.AddConstraint(
            model_name='calendar',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['holidays', 'dates', 'ical'])), name='calendar_kind_known'),
        ),
        *rls.wall("calendar", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT"),
        rls.run(RENAMED, "DROP FUNCTION carillon_calendar_renamed()"),
        rls.run(ON_RENAMED, "DROP TRIGGER zz_calendar_renamed ON schedule"),
    ]
