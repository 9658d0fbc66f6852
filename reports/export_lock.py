"""A worker's claim on an export: a session lock that PostgreSQL releases when the worker dies."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from partner_portal.lib.db.locks import EXPORT, session_lock


class TakenError(Exception):
    """Another living worker has the export, or it has ended."""


class WithdrawnError(Exception):
    """The export was cancelled, or claimed by another worker, while it was being written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A held claim. It stores progress outside the transaction that reads the rows."""

    partner_id: int
    export_id: int
    attempt: int  # 1 for the first worker that claims the export
    _side: BaseDatabaseWrapper  # a connection for progress alone

    def expect(self, rows: int) -> None:
        """Store how many rows there will be. Raises WithdrawnError."""
        self._update("rows = %s", rows)

    def advance(self, rows: int) -> None:
        """Store how many rows are written. Raises WithdrawnError when the export was cancelled or claimed by another worker."""
        self._update("done = %s", rows)

    def _update(self, change: str, value: int) -> None:
        with _committed(self._side, self.partner_id) as cursor:
            cursor.execute(
                f"UPDATE reports_export SET {change} WHERE id = %s AND state = 'running' AND attempts = %s",  # noqa: S608
                [value, self.export_id, self.attempt],
            )
            if not cursor.rowcount:
                raise WithdrawnError


@contextmanager
def claimed(partner_id: int, export_id: int) -> Iterator[Claim]:
    """Claim the export, and mark it as running. Raises TakenError when another worker has it or it has already ended."""
    with session_lock(EXPORT, export_id) as lock, closing(connection.copy()) as side:
        if lock is None:
            raise TakenError
        side.set_autocommit(False)
        with _committed(side, partner_id) as cursor:
            cursor.execute(
                "UPDATE reports_export SET state = 'running', attempts = attempts + 1, done = 0, reason = '',"
                " started_at = coalesce(started_at, now()) WHERE id = %s AND state IN ('queued', 'running')"
                " RETURNING attempts",
                [export_id],
            )
            row = cursor.fetchone()
        if row is None:
            raise TakenError
        yield Claim(partner_id, export_id, row[0], side)


@contextmanager
def _committed(side: BaseDatabaseWrapper, partner_id: int) -> Iterator[CursorWrapper]:
    """A transaction of the connection's own that sees one partner's rows."""
    with side.cursor() as cursor:
        cursor.execute("SELECT set_config('portal.partner', %s, true)", [str(partner_id)])
        try:
            yield cursor
        except BaseException:
            side.rollback()
            raise
        side.commit()
