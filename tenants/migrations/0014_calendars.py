"""Which calendars a tenant's new schedules have."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0013_kept_answers'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='default_calendars',
            field=models.JSONField(blank=True, db_default=models.Value([], output_field=models.JSONField()), default=list, help_text='Of schedules that name none, as the API takes them.'),
        ),
    ]
