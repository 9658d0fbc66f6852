"""`manage.py demo`: everything on this machine with sample data; what `make demo` runs."""

import argparse
import sys

from django.core.management.base import BaseCommand

from partner_portal.local import demo


class Command(BaseCommand):
    """Starts database, web, worker and beat, and stops them together. Exits 1 with one line when that is not possible."""

    requires_system_checks: list[str] = []  # they may ask the database, which this command itself starts
    help = "Runs the portal with sample data on this machine until Ctrl-C."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add this command's own options."""
        parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (8000)")
        parser.add_argument(
            "--stop-with-parent", action="store_true", help="stop when the calling process ends (Linux)"
        )

    def handle(self, *_args: object, port: int, stop_with_parent: bool, **_options: object) -> None:
        """Run until a signal."""
        try:
            demo.run(port, self._report, stop_with_parent=stop_with_parent)
        except demo.DemoError as error:
            self.stderr.write(str(error))
            sys.exit(1)

    def _report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
