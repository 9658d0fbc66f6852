"""The data a file is written from: brought up to date, then read in one snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from accounts.models import Partner, User
from accounts.scope import partner_scope, system_scope
from partner_portal.lib.rows.events import figures_wanted


def bring_up_to_date(partner: Partner) -> None:
    """Derive everything that is stored per day through today, before a due file reads its rows."""
    with partner_scope(partner):
        figures_wanted.send(Partner, scope=system_scope(partner))


@contextmanager
def snapshot(partner: Partner, user: User | None = None) -> Iterator[None]:
    """A repeatable-read transaction that sees only this partner's rows.

    Must be the outermost transaction. Inside another it is only a scope: the isolation level is that of the open one.
    """
    if connection.in_atomic_block:
        with partner_scope(partner, user):
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with partner_scope(partner, user):
            yield
