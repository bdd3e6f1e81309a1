"""How many bytes of artifacts and files a tenant may have, and how long artifacts stay."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0014_calendars'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='artifact_days',
            field=models.PositiveIntegerField(blank=True, help_text='How long artifacts are kept. Never longer than the installation keeps them.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='max_artifact_bytes',
            field=models.PositiveBigIntegerField(blank=True, help_text='Most bytes of all artifacts that are kept.', null=True, validators=[django.core.validators.MaxValueValidator(9007199254740991)]),
        ),
        migrations.AddField(
            model_name='tenant',
            name='max_file_bytes',
            field=models.PositiveBigIntegerField(blank=True, help_text="Most bytes of files in the tenant's folder.", null=True, validators=[django.core.validators.MaxValueValidator(9007199254740991)]),
        ),
    ]
