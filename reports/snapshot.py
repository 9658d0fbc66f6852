"""What a file is written from: data that is up to date, and one unchanging view of it for as long as it is being written."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from accounts.models import Partner, User
from accounts.scope import partner_scope, system_scope
from partner_portal.lib.rows.events import figures_wanted


def bring_up_to_date(partner: Partner) -> None:
    """Have everything that is kept of the past worked out through today, before rows are read for a file that is due."""
    with partner_scope(partner):
        figures_wanted.send(Partner, scope=system_scope(partner))


@contextmanager
def snapshot(partner: Partner, user: User | None = None) -> Iterator[None]:
    """A transaction whose every query sees the same moment, and only this partner's rows.

    Must be the outermost transaction. Inside one it is an ordinary scope: what is already open keeps its own view.
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
