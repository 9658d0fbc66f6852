"""Django's PostgreSQL backend, with the embedded server started on demand and the runtime role taken on connecting."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.utils import CursorWrapper

from partner_portal.postgres.role import RUNTIME_ROLE, is_owner


class DatabaseWrapper(PostgresWrapper):
    """A connection that is the owner's only in a process that asked for it (see `partner_portal.postgres.role`)."""

    def get_connection_params(self) -> dict[str, Any]:
        """Parameters for psycopg; the embedded server's address is known only once it runs."""
        if settings.PORTAL_EMBEDDED_DATABASE:
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

    def chunked_cursor(self) -> CursorWrapper:
        """A server-side cursor within a transaction. Outside one all rows are fetched at once.

        There, each fetch may reach another session behind a pooler, which does not know the cursor.
        """
        if self.get_autocommit():
            return self.cursor()
        return super().chunked_cursor()
