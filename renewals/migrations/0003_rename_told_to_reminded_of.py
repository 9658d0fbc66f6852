from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("renewals", "0002_reminders_and_calendars")]

    # Only the name in the models: the rows stand in the table of `RemindedRenewal`.
    operations = [migrations.RenameField("renewalreminder", "told", "reminded_of")]
