
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_checklist_hidden'),
        ('clients', '0008_search_keys_of_deals'),
    ]

    operations = [
        migrations.AlterField(
            model_name='cancellation',
            name='partner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
        migrations.AlterField(
            model_name='certification',
            name='partner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
        migrations.AlterField(
            model_name='client',
            name='partner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
        migrations.AlterField(
            model_name='deal',
            name='partner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
        migrations.AlterField(
            model_name='mrrmonth',
            name='partner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
        migrations.AlterField(
            model_name='service',
            name='partner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
    ]
