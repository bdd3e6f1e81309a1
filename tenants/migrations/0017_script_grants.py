"""Whether scripts of a tenant may use the network and install requirements."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0016_allowed_tasks'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='allow_network',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether its scripts may reach what its calls may reach.'),
        ),
        migrations.AddField(
            model_name='tenant',
            name='allow_requirements',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether packages may be installed for its Python scripts.'),
        ),
    ]
