"""Revisions come from a sequence, so that one that was rolled back is never given to other rules."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("program", "0002_first_programme")]
    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE program_revision;"
            "SELECT setval('program_revision', coalesce((SELECT max(revision) FROM program_program), 1));",
            "DROP SEQUENCE program_revision",
        )
    ]
