"""Django's PostgreSQL backend, with the embedded server started on demand and the runtime role taken on connecting."""

from functools import partial
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.utils import CursorWrapper

from partner_portal.lib.db import replica
from partner_portal.postgres.role import RUNTIME_ROLE, is_owner

WRITTEN = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"


class DatabaseWrapper(PostgresWrapper):
    """A connection that is the owner's only in a process that asked for it (see `partner_portal.postgres.role`)."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.writes_of: set[str] = set()  # whose the writes of this transaction are, see `replica.note_tenant`

    def get_connection_params(self) -> dict[str, Any]:
        """Parameters for psycopg; the embedded server's address is known only once it runs."""
        if settings.PORTAL_EMBEDDED_DATABASE and self.alias != replica.ALIAS:
            from partner_portal.local.postgres import ensure_running

            address = ensure_running(settings.PORTAL_VAR)
            self.settings_dict.update(
                HOST=address.host,
                PORT=str(address.port),
                USER=address.owner if is_owner() else address.user,
                NAME=self.settings_dict["NAME"] or address.database,
            )
        params = super().get_connection_params()
        if not is_owner() and params.get("user") != RUNTIME_ROLE:
            # A parameter of the session's start, which a pooler of transactions refuses: a role that is set later would
            # stay with the session when it serves somebody else.
            params["options"] = f"{params.get('options', '')} -c role={RUNTIME_ROLE}".strip()
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """A connection to the replica begins read-only transactions, lest it be promoted and take writes."""
        connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
        if self.alias == replica.ALIAS:
            connection.read_only = True
        return connection

    def _commit(self) -> None:
        names, self.writes_of = self.writes_of, set()
        wrote = bool(names) and self._has_written()
        super()._commit()  # type: ignore[misc] # not in the stubs
        if wrote:  # before all other receivers, which may start somebody who reads
            note = partial(replica.note_write, self, names)
            self.run_on_commit.insert(0, (set(), note, True))  # type: ignore[arg-type] # the stubs lack the third

    def _has_written(self) -> bool:
        with self.wrap_database_errors:
            row = self.connection.execute(WRITTEN).fetchone()
        return bool(row[0])

    def chunked_cursor(self) -> CursorWrapper:
        """A server-side cursor within a transaction. Outside one all rows are fetched at once.

        There, each fetch may reach another session behind a pooler, which does not know the cursor.
        """
        if self.get_autocommit():
            return self.cursor()
        return super().chunked_cursor()
