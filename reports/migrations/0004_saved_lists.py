from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reports", "0003_recipients_that_are_refused")]

    operations = [
        migrations.RemoveConstraint("ListMember", "client_once_in_a_list"),
        migrations.RenameModel("KeptList", "SavedList"),
        migrations.RenameField("ListMember", "kept_list", "saved_list"),
        migrations.AddConstraint(
            "ListMember", models.UniqueConstraint(fields=["saved_list", "client"], name="client_once_in_a_list")
        ),
        migrations.RenameField("Recipient", "told_at", "alerted_at"),
    ]
