"""Rates of API requests of tenants."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0006_roles'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='api_rate_limit',
            field=models.CharField(blank=True, db_default='', default='', help_text="Most API requests in a time, such as 100/s; s, m, h or d. Empty for the installation's limit.", max_length=16, validators=[django.core.validators.RegexValidator('\\A[1-9][0-9]{0,5}/[smhd]\\Z', 'must be a number of requests per s, m, h or d, such as 100/s')]),
        ),
        migrations.AddConstraint(
            model_name='tenant',
            constraint=models.CheckConstraint(condition=models.Q(('api_rate_limit', ''), ('api_rate_limit__regex', '\\A[1-9][0-9]{0,5}/[smhd]\\Z'), _connector='OR'), name='tenant_api_rate_known'),
        ),
    ]
