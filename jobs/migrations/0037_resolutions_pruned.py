"""What was taken for mended is forgotten with the executions it was about."""

from django.db import migrations

from tenants import rls


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0036_approvals'),
    ]

    operations = rls.grant("failure_resolution", app="", engine="DELETE")
