"""Rates of concurrency keys, tags that can be paused, and priorities that rise."""

import django.core.validators
import django.db.models.deletion
import tenants.fields
from django.db import migrations, models

from tenants import rls

# The same digest as jobs/rules/concurrency_keys.py.
KEY_NAME = """
CREATE FUNCTION carillon_key_name(tenant uuid, key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT left(encode(sha256(convert_to(tenant::text || ':' || key, 'UTF8')), 'hex'), 32) $$
"""

# Whoever gives a job its first tag of a name makes the tag.
ON_JOB_TAG = """
CREATE FUNCTION carillon_job_tagged() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO tag (id, tenant_id, tag) VALUES (gen_random_uuid(), NEW.tenant_id, NEW.tag)
    ON CONFLICT (tenant_id, tag) DO NOTHING;
    RETURN NULL;
END $$
"""

# Whether a tag of a job is paused now.
TAG_PAUSED = """
CREATE FUNCTION carillon_tag_paused(tenant uuid, job uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = public, pg_temp AS
$$ SELECT EXISTS (
    SELECT 1 FROM tag p JOIN job_tag t ON t.job_id = job AND t.tag = p.tag
    WHERE p.tenant_id = tenant AND p.paused_at IS NOT NULL AND (p.until IS NULL OR p.until > statement_timestamp())) $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0027_time_limits'),
    ]

    operations = [
        migrations.AddField(
            model_name='ratebucket',
            name='job_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='execution',
            name='base_priority',
            field=models.SmallIntegerField(help_text='What it was made with, if waiting has raised it.', null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='ageing_seconds',
            field=models.PositiveIntegerField(blank=True, db_default=900, default=900, help_text='What has waited so long rises by a step of priority within its tenant, and again; empty: never.', null=True, validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(86400)]),
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.UUIDField(default=tenants.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('tag', models.CharField(max_length=64)),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=500)),
                ('paused_by', models.CharField(blank=True, db_default='', default='', editable=False, max_length=254)),
                ('paused_at', models.DateTimeField(editable=False, null=True)),
                ('until', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'tag',
                'indexes': [models.Index(condition=models.Q(('paused_at__isnull', False)), fields=['tenant', 'until'], name='tag_paused')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'tag'), name='tag_once')],
            },
        ),
        *rls.wall("tag", app="SELECT, INSERT, UPDATE", engine="SELECT"),
        rls.run(ON_JOB_TAG, "DROP FUNCTION carillon_job_tagged()"),
        rls.run(
            "CREATE TRIGGER job_tagged AFTER INSERT ON job_tag FOR EACH ROW EXECUTE FUNCTION carillon_job_tagged()",
            "DROP TRIGGER job_tagged ON job_tag",
        ),
        # The owner, who migrates, sees no row behind a forced wall.
        rls.run("ALTER TABLE tag NO FORCE ROW LEVEL SECURITY"),
        rls.run("ALTER TABLE job_tag NO FORCE ROW LEVEL SECURITY"),
        rls.run("INSERT INTO tag (id, tenant_id, tag) SELECT gen_random_uuid(), tenant_id, tag FROM job_tag GROUP BY tenant_id, tag"),
        rls.run("ALTER TABLE job_tag FORCE ROW LEVEL SECURITY"),
        rls.run("ALTER TABLE tag FORCE ROW LEVEL SECURITY"),
        rls.run(TAG_PAUSED, "DROP FUNCTION carillon_tag_paused(uuid, uuid)"),
        rls.run(KEY_NAME, "DROP FUNCTION carillon_key_name(uuid, text)"),
    ]
