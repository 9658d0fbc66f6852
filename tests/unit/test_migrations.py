"""Migrations since the last release can run beside the code of that release, or say why not."""

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.unit.migration_locks import objections

# The number of the last migration of each app that was part of a release or precedes this rule; moved with each release.
RELEASED = {
    "accounts": 10, "api": 1, "clients": 9, "commissions": 6, "dashboard": 1, "imports": 10, "ledger": 6, "notices": 3,
    "program": 4, "renewals": 5, "reports": 4, "sources": 4, "tiers": 3,
}  # fmt: skip


def test_new_migrations_leave_the_portal_usable():
    """One that cannot says why in `needs_a_pause`, and the changelog tells operators to stop everything first."""
    ours = {
        config.label for config in apps.get_app_configs() if str(settings.BASE_DIR) == config.path.rpartition("/")[0]
    }
    loader = MigrationLoader(None)
    with_migrations = {app for app, _name in loader.disk_migrations if app in ours}
    assert with_migrations == set(RELEASED)
    found = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in ours and int(name[:4]) > RELEASED[app] and not getattr(migration, "needs_a_pause", ""):
            before = loader.project_state((app, name), at_end=False)
            found += [f"{app}.{name}: {objection}" for objection in objections(migration.operations, app, before)]
    assert found == []


CREATED = migrations.CreateModel(
    "Thing",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20, choices=[("a", "A")])),
        ("owner", models.ForeignKey("x.Owner", models.CASCADE)),
    ],
)
INDEX = models.Index(fields=["name"], name="thing_name")
CHECK = models.CheckConstraint(condition=models.Q(name__gt=""), name="thing_named")
HARMLESS = [
    migrations.AddField("thing", "size", models.IntegerField(null=True)),
    migrations.AddField("thing", "size", models.IntegerField(db_default=0)),
    migrations.AlterField("thing", "name", models.CharField(max_length=20, choices=[("b", "B")], verbose_name="b")),
    AddIndexConcurrently("thing", INDEX),
    migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))]),
    migrations.AlterField(
        "thing", "owner", models.ForeignKey("x.Owner", models.CASCADE, db_index=False, db_constraint=False)
    ),
]
HARMFUL = {
    "old code still uses it": migrations.RemoveField("thing", "name"),
    "old code inserts rows without it": migrations.AddField("thing", "size", models.IntegerField(default=0)),
    "while the index is built": migrations.AddIndex("thing", INDEX),
    "while all rows are checked": migrations.AddConstraint("thing", CHECK),
    "both tables are locked": migrations.AddField(
        "thing", "other", models.ForeignKey("x.Thing", models.CASCADE, null=True)
    ),
    "while its index is built": migrations.AddField("thing", "size", models.IntegerField(null=True, unique=True)),
    "rewritten or read": migrations.AlterField("thing", "name", models.TextField()),
    "nobody but its author": migrations.RunSQL("UPDATE x_thing SET name = ''"),
}


@pytest.fixture
def state():
    state = ProjectState()
    CREATED.state_forwards("x", state)
    return state


@pytest.mark.parametrize("operation", HARMLESS)
def test_what_may_run_beside_old_code(state, operation):
    assert objections([operation], "x", state) == []


@pytest.mark.parametrize("reason", HARMFUL)
def test_what_stops_old_code_or_locks_for_long(state, reason):
    assert any(reason in objection for objection in objections([HARMFUL[reason]], "x", state))
    apart = migrations.SeparateDatabaseAndState([HARMFUL[reason]])
    assert any(reason in objection for objection in objections([apart], "x", state))


def test_a_table_that_is_new_is_nobodys_yet():
    assert objections([CREATED, migrations.AddIndex("thing", INDEX)], "x", ProjectState()) == []
