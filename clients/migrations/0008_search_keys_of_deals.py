import django.db.models
from django.db import migrations

from partner_portal.lib.collation import SearchKey


class Migration(migrations.Migration):
    dependencies = [("clients", "0007_product_lines")]

    operations = [
        migrations.AddField(
            model_name="deal",
            name=f"{field}_search_key",
            field=django.db.models.GeneratedField(
                expression=SearchKey(field),
                output_field=django.db.models.TextField(db_collation="C"),
                db_persist=True,
            ),
        )
        for field in ("deal_id", "name")
    ]
