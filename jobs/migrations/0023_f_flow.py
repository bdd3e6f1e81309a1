"""Rates of concurrency keys."""

from django.db import migrations, models

from tenants import rls

# The same digest as jobs/rules/concurrency_keys.py.
KEY_NAME = """
CREATE FUNCTION carillon_key_name(tenant uuid, key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT left(encode(sha256(convert_to(tenant::text || ':' || key, 'UTF8')), 'hex'), 32) $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0022_orchestration'),
    ]

    operations = [
        migrations.AddField(
            model_name='ratebucket',
            name='job_id',
            field=models.UUIDField(null=True),
        ),
        rls.run(KEY_NAME, "DROP FUNCTION carillon_key_name(uuid, text)"),
    ]
