"""Brings the programme of `program/data/programme.toml`, so that a new portal can import at once."""

from django.db import migrations

from program.loading import read_programme, store


def load(apps, schema_editor):
    if not apps.get_model("program", "Program").objects.exists():
        store(read_programme(), "hubspot-solutions", lambda name: apps.get_model("program", name))


class Migration(migrations.Migration):
    dependencies = [("program", "0001_initial")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
