from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_panel_layout'),
    ]

    operations = [
        migrations.AddField(
            model_name='partner',
            name='thresholds',
            field=models.JSONField(db_default={}, default=dict, editable=False),
        ),
    ]
