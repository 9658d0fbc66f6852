from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_sample_data")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="columns",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
