"""What comes before what, workflow runs, and what jobs may say of limits in time and of requests that are the same."""

import django.core.validators
import django.db.models.deletion
import jobs.rules.states
import jobs.rules.trigger_rules
import jobs.rules.workflow_runs
import tenants.fields
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0021_templates'),
        ('tenants', '0014_calendars'),
    ]

    operations = [
        migrations.CreateModel(
            name='Dependency',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('mode', models.CharField(choices=[('start', 'Start'), ('gate', 'Gate')], default='start', max_length=8)),
                ('trigger_rule', models.CharField(choices=[('all_success', 'all_success'), ('all_failed', 'all_failed'), ('all_done', 'all_done'), ('all_skipped', 'all_skipped'), ('one_success', 'one_success'), ('one_failed', 'one_failed'), ('one_done', 'one_done'), ('none_failed', 'none_failed'), ('none_failed_min_one_success', 'none_failed_min_one_success'), ('none_skipped', 'none_skipped'), ('always', 'always')], default=jobs.rules.trigger_rules.Rule['ALL_SUCCESS'], max_length=32)),
                ('condition', models.CharField(blank=True, help_text='An expression over upstream; where it is false, the downstream is skipped.', max_length=1000)),
                ('gate_timeout_seconds', models.FloatField(default=86400, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)])),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'db_table': 'dependency',
            },
        ),
        migrations.CreateModel(
            name='WorkflowRun',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('root_execution_id', models.UUIDField()),
                ('state', models.CharField(choices=[('planned', 'planned'), ('running', 'running'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('cancelled', 'cancelled'), ('skipped', 'skipped')], default=jobs.rules.workflow_runs.RunState['PLANNED'], max_length=16)),
                ('graph', models.JSONField(default=dict)),
                ('due_at', models.DateTimeField(help_text='When its root is due, and its graph is looked up.')),
                ('reruns', models.PositiveIntegerField(default=0)),
                ('triggered_by', models.CharField(blank=True, max_length=254)),
                ('cancel_requested_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'workflow_run',
            },
        ),
        migrations.AddField(
            model_name='execution',
            name='decide_at',
            field=models.DateTimeField(help_text='When a blocked one is looked at next.', null=True),
        ),
        migrations.AddField(
            model_name='execution',
            name='is_told',
            field=models.BooleanField(db_default=False, default=False, help_text='Its run has taken note that it has ended.'),
        ),
        migrations.AddField(
            model_name='execution',
            name='step',
            field=models.CharField(blank=True, db_default='', default='', help_text="Its name in that run's graph.", max_length=200),
        ),
        migrations.AddField(
            model_name='execution',
            name='superseded',
            field=models.BooleanField(db_default=False, default=False, help_text='A rerun of its step has taken its place in the run.'),
        ),
        migrations.AddField(
            model_name='execution',
            name='workflow_run_id',
            field=models.UUIDField(help_text='Of the workflow run it is a step of.', null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='dedup_conflict',
            field=models.CharField(choices=[('reject', 'Reject'), ('return_existing', 'Return Existing'), ('replace', 'Replace')], db_default='return_existing', default='return_existing', max_length=16),
        ),
        migrations.AddField(
            model_name='job',
            name='dedup_key',
            field=models.CharField(blank=True, db_default='', default='', help_text="Requests with the same key make one execution; {field} stands for the payload's.", max_length=200),
        ),
        migrations.AddField(
            model_name='job',
            name='dedup_seconds',
            field=models.FloatField(blank=True, help_text='How long a key is taken from its request on; empty: while its execution has not ended.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)]),
        ),
        migrations.AddField(
            model_name='job',
            name='key_rate_burst',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='job',
            name='key_rate_limit',
            field=models.CharField(blank=True, db_default='', default='', help_text='Most starts in a time of executions with the same concurrency key, such as 100/m.', max_length=16, validators=[django.core.validators.RegexValidator('\\A[1-9][0-9]{0,5}/[smhd]\\Z', 'must be a number of starts per s, m, h or d, such as 100/m')]),
        ),
        migrations.AddField(
            model_name='job',
            name='max_total_seconds',
            field=models.FloatField(blank=True, help_text='Longest time from its first start to its end, over all attempts and the pauses between them.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)]),
        ),
        migrations.AddField(
            model_name='job',
            name='max_wait_seconds',
            field=models.FloatField(blank=True, help_text='Longest wait from when it is due to its first start; then it does not run any more.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2592000)]),
        ),
        migrations.AddField(
            model_name='job',
            name='pause_after_failures',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Executions that fail one after another before the job is paused by itself.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddField(
            model_name='job',
            name='soft_timeout_seconds',
            field=models.FloatField(blank=True, help_text='When an attempt is asked to come to an end by itself; timeout_seconds ends it.', null=True, validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(86400)]),
        ),
        migrations.AlterField(
            model_name='execution',
            name='trigger',
            field=models.CharField(choices=[('schedule', 'Schedule'), ('manual', 'Manual'), ('dependency', 'Dependency'), ('replay', 'Replay'), ('event', 'Event'), ('backfill', 'Backfill')], max_length=16),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('workflow_run_id__isnull', False)), fields=['workflow_run_id', 'step'], name='execution_of_run'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('is_told', False), ('state__in', [jobs.rules.states.State['CANCELLED'], jobs.rules.states.State['FAILED'], jobs.rules.states.State['SKIPPED'], jobs.rules.states.State['SUCCEEDED']]), ('workflow_run_id__isnull', False)), fields=['workflow_run_id'], name='execution_to_tell'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('decide_at__isnull', False), ('state', 'blocked')), fields=['decide_at'], name='execution_to_decide'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('key_rate_limit', ''), ('key_rate_limit__regex', '\\A[1-9][0-9]{0,5}/[smhd]\\Z'), _connector='OR'), name='job_key_rate_known'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('dedup_conflict__in', ['reject', 'return_existing', 'replace'])), name='job_dedup_conflict_known'),
        ),
        migrations.AddField(
            model_name='dependency',
            name='downstream',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='upstream_edges', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='dependency',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='dependency',
            name='upstream',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='downstream_edges', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='workflowrun',
            name='root_job',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='workflow_runs', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='workflowrun',
            name='tenant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddIndex(
            model_name='dependency',
            index=models.Index(fields=['tenant', 'upstream'], name='dependency_by_upstream'),
        ),
        migrations.AddIndex(
            model_name='dependency',
            index=models.Index(condition=models.Q(('mode', 'start')), fields=['upstream'], name='dependency_starting'),
        ),
        migrations.AddIndex(
            model_name='dependency',
            index=models.Index(condition=models.Q(('mode', 'gate')), fields=['downstream'], name='dependency_gating'),
        ),
        migrations.AddIndex(
            model_name='dependency',
            index=models.Index(fields=['tenant', '-id'], name='dependency_recent'),
        ),
        migrations.AddConstraint(
            model_name='dependency',
            constraint=models.UniqueConstraint(fields=('tenant', 'downstream', 'upstream'), name='dependency_once'),
        ),
        migrations.AddConstraint(
            model_name='dependency',
            constraint=models.CheckConstraint(condition=models.Q(('upstream', models.F('downstream')), _negated=True), name='dependency_of_two_jobs'),
        ),
        migrations.AddConstraint(
            model_name='dependency',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['start', 'gate'])), name='dependency_mode_known'),
        ),
        migrations.AddConstraint(
            model_name='dependency',
            constraint=models.CheckConstraint(condition=models.Q(('trigger_rule__in', ['all_success', 'all_failed', 'all_done', 'all_skipped', 'one_success', 'one_failed', 'one_done', 'none_failed', 'none_failed_min_one_success', 'none_skipped', 'always'])), name='dependency_rule_known'),
        ),
        migrations.AddIndex(
            model_name='workflowrun',
            index=models.Index(fields=['tenant', '-id'], name='workflow_run_recent'),
        ),
        migrations.AddIndex(
            model_name='workflowrun',
            index=models.Index(fields=['tenant', 'root_job', '-id'], name='workflow_run_by_job'),
        ),
        migrations.AddIndex(
            model_name='workflowrun',
            index=models.Index(fields=['tenant', 'state', '-id'], name='workflow_run_by_state'),
        ),
        migrations.AddIndex(
            model_name='workflowrun',
            index=models.Index(condition=models.Q(('state', 'planned')), fields=['due_at'], name='workflow_run_to_plan'),
        ),
        migrations.AddIndex(
            model_name='workflowrun',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='workflow_run_ended'),
        ),
        migrations.AddConstraint(
            model_name='workflowrun',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['planned', 'running', 'succeeded', 'failed', 'cancelled', 'skipped'])), name='workflow_run_state_known'),
        ),
        migrations.AddConstraint(
            model_name='workflowrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('state__in', [jobs.rules.workflow_runs.RunState['PLANNED'], jobs.rules.workflow_runs.RunState['RUNNING']])), models.Q(('finished_at__isnull', False), ('state__in', [jobs.rules.workflow_runs.RunState['CANCELLED'], jobs.rules.workflow_runs.RunState['FAILED'], jobs.rules.workflow_runs.RunState['SKIPPED'], jobs.rules.workflow_runs.RunState['SUCCEEDED']])), _connector='OR'), name='workflow_run_ended_iff_terminal'),
        ),
        *rls.wall("dependency", app="SELECT, INSERT, UPDATE, DELETE", engine="SELECT"),
        rls.composite_reference("dependency", "upstream_id", "job"),
        rls.composite_reference("dependency", "downstream_id", "job"),
        *rls.wall("workflow_run", app="SELECT, INSERT, UPDATE", engine="SELECT, INSERT, UPDATE, DELETE"),
        rls.composite_reference("workflow_run", "root_job_id", "job"),
    ]
