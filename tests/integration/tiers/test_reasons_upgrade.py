"""From a database whose tier changes store English sentences: `migrate` leaves reasons as values, worded when shown."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from partner_portal.postgres.role import as_owner
from tiers.models import TierChange
from tiers.queries import history
from tiers.reason_text import reason_text

GUARDS = """
    SELECT relname, relrowsecurity, relforcerowsecurity,
           (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid),
           has_table_privilege('portal_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
    FROM pg_class c WHERE relname IN ('tiers_creditedtier', 'tiers_tierchange')
"""


@pytest.fixture
def owner(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Be the owner of the tables; what happens to them is rolled back."""
    with django_db_blocker.unblock():
        connection.close()
        with as_owner(), transaction.atomic():
            yield
            transaction.set_rollback(True)
        connection.close()


def rows_of(scope: Scope) -> list[tuple[Any, ...]]:
    return [(row.on, row.kind, row.before, row.after, row.reason) for row in history(scope)]


def test_reasons_are_derived_again_by_migrate(owner):
    partner = Partner.objects.get(slug="northwind")
    with partner_scope(partner):
        before = rows_of(system_scope(partner))
    assert len(before) == 12
    call_command("migrate", "tiers", "0002", verbosity=0)
    with connection.cursor() as cursor:
        with partner_scope(partner):
            cursor.execute("UPDATE tiers_creditedtier SET reason = 'Review. Kept: all six readings met Gold.'")
            assert cursor.rowcount == 12
        call_command("migrate", "tiers", verbosity=0)
        cursor.execute(GUARDS)
        assert cursor.fetchall() == [("tiers_tierchange", True, True, 1, True)]
    with partner_scope(partner):
        scope = system_scope(partner)
        assert rows_of(scope) == before
        said = {row.on.isoformat(): reason_text(row.why) for row in history(scope)}
    assert said["2023-01-15"] == "Review. Kept: Gold has been credited since 18 Jul 2022, less than 6 months."
    assert said["2024-07-15"] == "Review. No Solutions Partner certification was valid on the day."
    assert said["2026-03-20"] == "Rise. Total 1,292 of 1,260 and sourced 601 of 320 were met on the day."


def test_a_page_stands_before_the_reasons_are_derived(scope, web):
    """As for somebody who asks between the migration and the end of `migrate`."""
    with partner_scope(scope.partner):
        TierChange.objects.filter(partner=scope.partner).update(reason={})
        assert {row.why for row in history(system_scope(scope.partner))} == {None}
    assert "Diamond" in web("member").get("/tiers/").text
