"""Concurrency keys, rate limits and throttles, and the sums that admission does with them."""

import django.core.validators
from django.db import migrations, models

from tenants import rls

CAP = """
CREATE FUNCTION carillon_cap(max_running int, throttle int, throttled_until timestamptz) RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT least(max_running, CASE WHEN throttled_until > statement_timestamp() THEN throttle END) $$
"""

RATE = """
CREATE FUNCTION carillon_rate(rate_limit text) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT split_part(rate_limit, '/', 1)::float8
       / CASE right(rate_limit, 1) WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 ELSE 86400 END $$
"""

BURST = """
CREATE FUNCTION carillon_burst(rate_limit text, burst int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(burst, split_part(rate_limit, '/', 1)::int)::float8 $$
"""

# The same sum as tenants/rules/rates.py; a bucket without a row was never drawn from, or is full again.
TOKENS = """
CREATE FUNCTION carillon_tokens(bucket text, rate_limit text, burst int, at timestamptz) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = public, pg_temp AS
$$ SELECT coalesce((
       SELECT least(carillon_burst(rate_limit, burst),
                    b.tokens + greatest(extract(epoch FROM at - b.updated_at), 0) * carillon_rate(rate_limit))
       FROM rate_bucket b WHERE b.key = bucket), carillon_burst(rate_limit, burst)) $$
"""


TELLING = """
CREATE OR REPLACE TRIGGER job_caps_changed AFTER UPDATE OF {columns} ON job FOR EACH ROW
WHEN (({new}) IS DISTINCT FROM ({old})) EXECUTE FUNCTION carillon_job_caps_changed()
"""


def _telling_of(*columns: str) -> str:
    new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD"))
    return TELLING.format(columns=", ".join(columns), new=new, old=old)


_CAPS = ("state", "max_running", "overlap")
_LIMITS = ("rate_limit", "rate_burst", "throttle_max_running", "throttled_until")


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0007_partitions_under_load'),
        ('tenants', '0004_limits'),
    ]

    operations = [
        migrations.CreateModel(
            name='RateBucket',
            fields=[
                ('key', models.CharField(max_length=80, primary_key=True, serialize=False)),
                ('tokens', models.FloatField()),
                ('updated_at', models.DateTimeField()),
                ('refill_at', models.DateTimeField()),
                ('full_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'rate_bucket',
            },
        ),
        migrations.AddField(
            model_name='execution',
            name='concurrency_key',
            field=models.CharField(blank=True, db_default='', default='', help_text="As the job's key read when this was made.", max_length=200),
        ),
        migrations.AddField(
            model_name='job',
            name='concurrency_key',
            field=models.CharField(blank=True, db_default='', default='', help_text="Executions of a tenant with the same key share max_running_per_key; {field} stands for the payload's.", max_length=200),
        ),
        migrations.AddField(
            model_name='job',
            name='max_running_per_key',
            field=models.PositiveIntegerField(db_default=1, default=1, validators=[django.core.validators.MinValueValidator(1)]),
        ),
        migrations.AddField(
            model_name='job',
            name='rate_burst',
            field=models.PositiveIntegerField(blank=True, help_text="Most starts at once after a rest; as many as the rate's number if empty.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='job',
            name='rate_limit',
            field=models.CharField(blank=True, db_default='', default='', help_text='Most starts in a time, such as 100/m; s, m, h or d. Empty for no limit.', max_length=16, validators=[django.core.validators.RegexValidator('\\A[1-9][0-9]{0,5}/[smhd]\\Z', 'must be a number of starts per s, m, h or d, such as 100/m')]),
        ),
        migrations.AddField(
            model_name='job',
            name='throttle_max_running',
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='throttled_until',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='rate_burst',
            field=models.PositiveIntegerField(blank=True, help_text="Most starts at once after a rest; as many as the rate's number if empty.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='queue',
            name='rate_limit',
            field=models.CharField(blank=True, db_default='', default='', help_text='Most starts in a time, such as 100/m; s, m, h or d. Empty for no limit.', max_length=16, validators=[django.core.validators.RegexValidator('\\A[1-9][0-9]{0,5}/[smhd]\\Z', 'must be a number of starts per s, m, h or d, such as 100/m')]),
        ),
        migrations.AddField(
            model_name='queue',
            name='throttle_max_running',
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='throttled_until',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='execution',
            name='waiting_on',
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AlterField(
            model_name='queue',
            name='max_running',
            field=models.PositiveIntegerField(blank=True, help_text='Most executions queued or running at once.', null=True, validators=[django.core.validators.MinValueValidator(1)]),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running']), models.Q(('concurrency_key', ''), _negated=True)), fields=['tenant', 'concurrency_key'], name='execution_keyed'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('throttled_until__isnull', False)), fields=['throttled_until'], name='job_throttle_end'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('rate_limit', ''), ('rate_limit__regex', '\\A[1-9][0-9]{0,5}/[smhd]\\Z'), _connector='OR'), name='job_rate_known'),
        ),
        migrations.AddConstraint(
            model_name='queue',
            constraint=models.CheckConstraint(condition=models.Q(('rate_limit', ''), ('rate_limit__regex', '\\A[1-9][0-9]{0,5}/[smhd]\\Z'), _connector='OR'), name='queue_rate_known'),
        ),
        migrations.AddIndex(
            model_name='ratebucket',
            index=models.Index(fields=['refill_at'], name='rate_bucket_refill'),
        ),
        *rls.grant("rate_bucket", app="SELECT", engine="SELECT, INSERT, UPDATE, DELETE"),
        rls.run(CAP, "DROP FUNCTION carillon_cap(int, int, timestamptz)"),
        rls.run(RATE, "DROP FUNCTION carillon_rate(text)"),
        rls.run(BURST, "DROP FUNCTION carillon_burst(text, int)"),
        rls.run(TOKENS, "DROP FUNCTION carillon_tokens(text, text, int, timestamptz)"),
        rls.run(_telling_of(*_CAPS, *_LIMITS), _telling_of(*_CAPS)),
    ]

