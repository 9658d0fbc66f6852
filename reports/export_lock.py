"""Who works on an export: one worker at a time, known to the database for exactly as long as that worker lives.

The claim is a lock of a second connection. When the worker dies, however it dies, PostgreSQL drops the lock with the
connection, so that another may take the work up at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from django.db import connection

EXPORT = 7101  # the first key of the lock; the second is the export's
RUN = 7105  # the same for a run of a schedule


class TakenError(Exception):
    """Another worker that is alive has the export."""


class WithdrawnError(Exception):
    """The export was cancelled, or taken over, while it was being written."""


class Claim:
    """The claim on one export. `advance` tells how far it is, outside the transaction that reads the rows."""

    def __init__(self, partner_id: int, export_id: int) -> None:
        self.partner_id, self.export_id = partner_id, export_id
        self.attempt = 0
        self._side: Any = connection.copy()

    def __enter__(self) -> Self:
        """Raises TakenError when the export is in other hands or has already ended."""
        try:
            with self._side.cursor() as cursor:
                cursor.execute("SELECT set_config('portal.partner', %s, false)", [str(self.partner_id)])
                cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [EXPORT, self.export_id])
                if not cursor.fetchone()[0]:
                    raise TakenError
                cursor.execute(
                    "UPDATE reports_export SET state = 'running', attempts = attempts + 1, done = 0, reason = '',"
                    " started_at = coalesce(started_at, now()) WHERE id = %s AND state IN ('queued', 'running')"
                    " RETURNING attempts",
                    [self.export_id],
                )
                row = cursor.fetchone()
                if row is None:
                    raise TakenError
                self.attempt = row[0]
        except BaseException:
            self._side.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._side.close()

    def expect(self, rows: int) -> None:
        """Tell how many rows there will be. Raises WithdrawnError."""
        self._update("rows = %s", rows)

    def advance(self, rows: int) -> None:
        """Tell how many rows are written. Raises WithdrawnError when nobody waits for them any more."""
        self._update("done = %s", rows)

    def _update(self, change: str, value: int) -> None:
        with self._side.cursor() as cursor:
            cursor.execute(
                f"UPDATE reports_export SET {change} WHERE id = %s AND state = 'running' AND attempts = %s",  # noqa: S608
                [value, self.export_id, self.attempt],
            )
            if not cursor.rowcount:
                raise WithdrawnError


@contextmanager
def held(kind: int, key: int) -> Iterator[bool]:
    """Whether nobody else alive works on (kind, key); if so, nobody may until the block ends."""
    side: Any = connection.copy()
    try:
        with side.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [kind, key])
            mine = bool(cursor.fetchone()[0])
        yield mine
    finally:
        side.close()


def is_claimed(export_id: int) -> bool:
    """Whether a living worker has the export."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [EXPORT, export_id],
        )
        return bool(cursor.fetchone()[0])
