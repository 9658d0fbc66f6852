
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0010_drop_indexes_that_keys_serve'),
        ('commissions', '0006_drop_partner_constraints'),
    ]

    operations = [
        migrations.AlterField(
            model_name='dealearning',
            name='client',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='clients.client'),
        ),
        migrations.AlterField(
            model_name='dealearning',
            name='deal',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='clients.deal'),
        ),
    ]
