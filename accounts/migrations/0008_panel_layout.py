from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_checklist_hidden")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="panels",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
