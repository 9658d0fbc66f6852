"""`manage.py database`: the embedded server by itself, to dump it, to restore it, or to inspect it."""

import argparse
import threading
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from partner_portal.local.dump import dump, restore
from partner_portal.local.postgres import ensure_running


class Command(BaseCommand):
    """Starts the server without migrating or filling it. Exits 1 with a server of one's own, 3 when the task fails."""

    requires_system_checks: list[str] = []  # they may ask the database, which can be empty here
    help = "Runs the embedded PostgreSQL until Ctrl-C, or dumps or restores its database and ends."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add this command's own options."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--dump", dest="dump_to", metavar="FILE", type=Path, help="write the whole database to this file"
        )
        what.add_argument(
            "--restore", dest="restore_from", metavar="FILE", type=Path, help="fill the empty database from this file"
        )

    def handle(
        self, *_args: object, dump_to: Path | None = None, restore_from: Path | None = None, **_options: object
    ) -> None:
        """Dump, restore, or run until a signal."""
        if not settings.PORTAL_EMBEDDED_DATABASE:
            raise CommandError(
                "DATABASE_URL names a server of your own: use its pg_dump and pg_restore (docs/operations.md)."
            )
        var = settings.PORTAL_VAR
        if dump_to:
            dump(var, dump_to)
            self._report(f"The database in {var} is in {dump_to}.")
        elif restore_from:
            restore(var, restore_from)
            self._report(f"The database in {var} is restored. Check it with manage.py verify_ledger.")
        else:
            self._run(var)

    def _run(self, var: Path) -> None:
        address = ensure_running(var)
        self._report(f"PostgreSQL runs in {var / 'postgres'} until Ctrl-C. To connect:")
        self._report(f"  psql --host={address.host} --username={address.superuser} {address.database}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            self._report("Stopped.")

    def _report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
