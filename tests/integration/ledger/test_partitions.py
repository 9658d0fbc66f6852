"""Entries are partitioned by partner: nobody reads a partition past row-level security, and joins are planned for one."""

import re
from importlib import import_module

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from ledger.models import Lot, PointEntry
from partner_portal.local import postgres
from partner_portal.postgres.guards import install_guards, partitions_of
from partner_portal.postgres.role import as_owner

TABLE = "ledger_pointentry"
COUNT = "SELECT count(*) FROM {}".format
PARTNERS = "SELECT DISTINCT partner_id FROM {}".format
ROWS = "SELECT md5(string_agg(e::text, ';' ORDER BY id)), count(*) FROM {} e".format
NAMES = [f"{TABLE}_{number:02}" for number in range(16)]


@pytest.fixture
def as_role(django_db_blocker, django_db_setup):
    """A connection of its own, as a role of the server."""
    server, opened = postgres.ensure_running(settings.PORTAL_VAR), []

    def connect(role):
        name = connections["default"].settings_dict["NAME"]
        opened.append(psycopg.connect(host=server.host, user=role, dbname=name))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def test_every_entry_is_in_one_of_sixteen_partitions(as_role):
    database = as_role("postgres")
    with database.cursor() as cursor:
        assert partitions_of(cursor, TABLE) == NAMES
        assert partitions_of(cursor, "ledger_lot") == []
    whole = database.execute(COUNT(TABLE)).fetchone()[0]
    assert whole > 500
    assert sum(database.execute(COUNT(name)).fetchone()[0] for name in NAMES) == whole


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM {} LIMIT 1",
        "DELETE FROM {}",
        "UPDATE {} SET points = 1",
        "TRUNCATE {}",
        "INSERT INTO {} DEFAULT VALUES",
    ],
)
def test_the_portal_has_no_rights_on_a_partition(as_role, statement):
    database = as_role("portal_app")
    database.autocommit = True
    for partner in ("", "1"):
        database.execute("SELECT set_config('portal.partner', %s, false)", [partner])
        for name in NAMES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.execute(statement.format(name))


def test_even_with_rights_a_partition_shows_the_rows_of_one_partner(as_role):
    database, partners = as_role("postgres"), set()
    for name in NAMES:  # rolled back
        database.execute(f"GRANT SELECT ON {name} TO portal_app")
    database.execute("SET ROLE portal_app")
    for partner in range(1, 9):
        database.execute("SELECT set_config('portal.partner', %s, true)", [str(partner)])
        shown = [row for name in NAMES for row in database.execute(PARTNERS(name)).fetchall()]
        assert shown in ([], [(partner,)])
        partners |= set(shown)
    assert len(partners) == 2
    for nobody in ("portal_app", "portal_owner"):
        database.execute(f"SET ROLE {nobody}")
        database.execute("SELECT set_config('portal.partner', '', true)")
        assert [database.execute(COUNT(name)).fetchone() for name in NAMES] == [(0,)] * 16
    database.rollback()


@pytest.mark.parametrize("statement", ["UPDATE {} SET points = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_partitions_are_append_only_for_their_owner_too(as_role, statement):
    database = as_role("postgres")
    filled = [name for name in NAMES if database.execute(f"SELECT FROM {name} LIMIT 1").fetchone() is not None]
    assert filled
    for name in filled:
        with pytest.raises(psycopg.errors.RestrictViolation):
            database.execute(statement.format(name))
        database.rollback()


def test_joins_are_planned_for_the_partition_of_the_partner(scope):
    entries = PointEntry.objects.filter(partner=scope.partner)
    for rows in (
        entries.values("points", "lot__points"),
        entries.filter(reversed_by__isnull=True).values("points"),
        Lot.objects.filter(partner=scope.partner).values("entry__amount"),
    ):
        assert len(set(re.findall(rf"{TABLE}_\d\d", rows.explain()))) == 1, rows.query


@pytest.mark.slow
def test_the_table_can_be_united_and_partitioned_again(committed, as_role):
    def state():
        with as_role("postgres") as database:
            rows = database.execute(ROWS(TABLE)).fetchone()
            indexes = database.execute(
                "SELECT regexp_replace(indexdef, ' ON .* USING', '') FROM pg_indexes WHERE tablename = %s ORDER BY 1",
                [TABLE],
            ).fetchall()
            keys = database.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'f')"
                " ORDER BY 1",
                [TABLE],
            ).fetchall()
            last = database.execute(f"SELECT nextval(pg_get_serial_sequence('{TABLE}', 'id'))").fetchone()[0]
            return rows, indexes, keys, last

    def rebuild(how):
        connection.close()
        with as_owner():
            with connection.schema_editor() as editor:
                how(None, editor)
            with transaction.atomic():
                install_guards(None)
            connection.close()

    migration = import_module("ledger.migrations.0005_partition_entries")
    before = state()
    rebuild(migration.unite)
    with as_role("postgres") as database, database.cursor() as cursor:
        assert partitions_of(cursor, TABLE) == []
    united = state()
    assert united[0] == before[0]
    assert united[2] == before[2]
    assert united[3] > before[3]
    assert [index for (index,) in united[1] if "UNIQUE" in index] == [
        f"CREATE UNIQUE INDEX {TABLE}_pkey btree (id)",
        f"CREATE UNIQUE INDEX {TABLE}_reverses_id_key btree (reverses_id)",
    ]
    rebuild(migration.partition)
    after = state()
    assert after[:3] == before[:3]
    assert after[3] > united[3]
