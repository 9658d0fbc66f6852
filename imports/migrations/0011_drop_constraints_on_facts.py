
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imports', '0010_drop_partner_constraints'),
    ]

    operations = [
        migrations.AlterField(
            model_name='importchange',
            name='batch',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='row_changes', to='imports.importbatch'),
        ),
    ]
