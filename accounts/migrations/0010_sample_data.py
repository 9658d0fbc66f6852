from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_own_thresholds'),
    ]

    operations = [
        migrations.AddField(
            model_name='partner',
            name='sample_import',
            field=models.BigIntegerField(editable=False, null=True),
        ),
    ]
