"""Operators make, change and delete queues."""

import django.core.validators
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0008_flow'),
    ]

    operations = [
        migrations.AlterField(
            model_name='queue',
            name='name',
            field=models.CharField(max_length=63, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('\\A[a-z0-9](-?[a-z0-9])*\\Z', 'must be small letters and digits, with single hyphens between them, such as nightly-reports')]),
        ),
        rls.run("GRANT DELETE ON queue TO " + rls.APP, "REVOKE DELETE ON queue FROM " + rls.APP),
    ]
