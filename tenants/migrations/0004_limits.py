"""Rate limits and throttles of tenants."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0003_platform_grants'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='rate_burst',
            field=models.PositiveIntegerField(blank=True, help_text="Most starts at once after a rest; as many as the rate's number if empty.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='rate_limit',
            field=models.CharField(blank=True, db_default='', default='', help_text='Most starts in a time, such as 100/m; s, m, h or d. Empty for no limit.', max_length=16, validators=[django.core.validators.RegexValidator('\\A[1-9][0-9]{0,5}/[smhd]\\Z', 'must be a number of starts per s, m, h or d, such as 100/m')]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='throttle_max_running',
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='tenant',
            name='throttled_until',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name='tenant',
            index=models.Index(condition=models.Q(('throttled_until__isnull', False)), fields=['throttled_until'], name='tenant_throttle_end'),
        ),
        migrations.AddConstraint(
            model_name='tenant',
            constraint=models.CheckConstraint(condition=models.Q(('rate_limit', ''), ('rate_limit__regex', '\\A[1-9][0-9]{0,5}/[smhd]\\Z'), _connector='OR'), name='tenant_rate_known'),
        ),
    ]
