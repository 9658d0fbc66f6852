"""One unchanging view of a partner's data for as long as a file is being written."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from accounts.models import Partner, User
from accounts.scope import within


@contextmanager
def snapshot(partner: Partner, user: User | None = None) -> Iterator[None]:
    """A transaction whose every query sees the same moment, and only this partner's rows.

    Must be the outermost transaction. Inside one it is an ordinary scope: what is already open keeps its own view.
    """
    if connection.in_atomic_block:
        with within(partner, user):
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with within(partner, user):
            yield
