
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0009_drop_partner_constraints'),
    ]

    operations = [
        migrations.AlterField(
            model_name='cancellation',
            name='client',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='cancellations', to='clients.client'),
        ),
        migrations.AlterField(
            model_name='mrrmonth',
            name='client',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='mrr_months', to='clients.client'),
        ),
        migrations.AlterField(
            model_name='service',
            name='client',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='services', to='clients.client'),
        ),
    ]
