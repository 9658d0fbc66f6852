"""Django's PostgreSQL backend, with the embedded server started on demand and the runtime role taken on connecting."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper

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
        return super().get_connection_params()

    def init_connection_state(self) -> None:
        """Take the runtime role unless this process is the owner or already connected as the runtime role."""
        super().init_connection_state()
        if not is_owner() and self.connection.info.user != RUNTIME_ROLE:
            with self.connection.cursor() as cursor:
                cursor.execute(f'SET SESSION ROLE "{RUNTIME_ROLE}"')
