
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_checklist_hidden'),
        ('commissions', '0005_earnings_by_day'),
    ]

    operations = [
        migrations.AlterField(
            model_name='dealearning',
            name='partner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
        migrations.AlterField(
            model_name='statementline',
            name='partner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.partner'),
        ),
    ]
