
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0010_sample_data'),
        ('clients', '0010_drop_indexes_that_keys_serve'),
        ('ledger', '0005_partition_entries'),
    ]

    operations = [
        migrations.AddField(
            model_name='posting',
            name='rules_used',
            field=models.CharField(db_default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='clientpoints',
            name='client',
            field=models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='points', serialize=False, to='clients.client'),
        ),
        migrations.AlterField(
            model_name='clientpoints',
            name='partner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
        migrations.AlterField(
            model_name='lot',
            name='client',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='clients.client'),
        ),
        migrations.AlterField(
            model_name='lot',
            name='deal',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.deal'),
        ),
        migrations.AlterField(
            model_name='pointentry',
            name='client',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='clients.client'),
        ),
        migrations.AlterField(
            model_name='pointentry',
            name='deal',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='clients.deal'),
        ),
    ]
