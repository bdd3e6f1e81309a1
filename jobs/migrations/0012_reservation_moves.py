"""The table of reservations becomes the ground floor's; nothing happens to it here."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0011_quotas_and_usage'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name='Reservation')]),
    ]
