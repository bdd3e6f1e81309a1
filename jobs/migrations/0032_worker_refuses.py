"""What a worker refuses, and why."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0031_bookmarks'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='refuses',
            field=models.JSONField(db_default=models.Value({}, output_field=models.JSONField()), default=dict),
        ),
    ]
