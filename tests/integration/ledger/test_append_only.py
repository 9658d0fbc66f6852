"""The database itself refuses to change what was posted, and to show one partner's rows to another."""

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from accounts.scope import set_tenant
from ledger.models import PointEntry
from partner_portal.postgres.guards import append_only_models, tenant_models
from partner_portal.postgres.role import RUNTIME_ROLE

PARTITIONS = {f"ledger_pointentry_{number:02}" for number in range(16)}
STATEMENTS = [
    "UPDATE ledger_pointentry SET points = points + 1",
    "DELETE FROM ledger_pointentry",
    "TRUNCATE ledger_pointentry CASCADE",
    "UPDATE accounts_auditevent SET action = ''",
    "DELETE FROM accounts_auditevent",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_runtime_role_cannot_change_what_is_append_only(workshop, statement):
    workshop.deal("D1", "2026-03-01")
    workshop.post()
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert workshop.points().total == 50


def test_not_even_the_owner_can(committed, django_db_blocker):
    """Triggers hold for whoever has the rights."""
    import psycopg
    from django.conf import settings

    from partner_portal.local.postgres import ensure_running

    address = ensure_running(settings.PORTAL_VAR)
    name = connection.settings_dict["NAME"]
    for statement in STATEMENTS:
        with psycopg.connect(host=address.host, port=address.port, user=address.superuser, dbname=name) as owner:
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                owner.execute(statement)
            owner.rollback()


def test_rows_of_nobody_without_a_scope(scope):
    seen = {model._meta.label: model._base_manager.count() for model in tenant_models()}
    assert seen["ledger.PointEntry"] > 900, "there must be something that could leak"
    set_tenant(None)
    assert dict.fromkeys(seen, 0) == {model._meta.label: model._base_manager.count() for model in tenant_models()}


def test_rows_of_another_partner_are_not_there(scope, other_partner):
    ours = set(PointEntry.objects.values_list("partner_id", flat=True))
    set_tenant(other_partner.pk)
    theirs = set(PointEntry.objects.values_list("partner_id", flat=True))
    assert (ours, theirs) == ({scope.partner.pk}, {other_partner.pk})


def test_nothing_can_be_written_for_another_partner(scope, other_partner):
    from accounts.models import TeamContact

    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        TeamContact.objects.create(partner=other_partner, name="X", role="Y", email="x@example.com")


def test_every_table_with_a_partner_has_a_forced_policy(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
                SELECT 1 FROM pg_policies p WHERE p.tablename = c.relname AND p.with_check IS NOT NULL
            )
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'partner_id' AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
            """
        )
        guarded = dict(cursor.fetchall())
    assert set(guarded) == {model._meta.db_table for model in tenant_models()} | PARTITIONS
    assert [table for table, good in guarded.items() if not good] == []


def test_the_runtime_role_owns_nothing_and_bypasses_nothing(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (RUNTIME_ROLE,)
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole AND relpersistence = 'p'")
        assert cursor.fetchone() == (0,)


def test_each_append_only_model_is_known_to_the_database(db):
    assert {model._meta.label for model in append_only_models()} >= {"ledger.PointEntry", "accounts.AuditEvent"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, count(*) FROM pg_trigger WHERE tgname LIKE 'refuse_%' GROUP BY 1"
        )
        tables = {model._meta.db_table for model in append_only_models()} | PARTITIONS
        assert dict(cursor.fetchall()) == dict.fromkeys(tables, 2)
    assert apps.get_model("ledger", "PointEntry").append_only
