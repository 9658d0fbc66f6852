
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_checklist_hidden'),
        ('renewals', '0004_withdrawn_facts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='renewal',
            name='partner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
    ]
