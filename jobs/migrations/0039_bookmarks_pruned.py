"""Bookmarks go with their job."""

from django.db import migrations

from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ('jobs', '0038_channels'),
    ]

    operations = rls.grant("bookmark", app="", engine="DELETE")
