"""`manage.py doctor`: examines a running installation and says what to do about each fault."""

import argparse
import json
import sys
from collections.abc import Iterator

from django.core.management.base import BaseCommand

from partner_portal.doctor import background, database, installation
from partner_portal.doctor.findings import Check, Finding, Level, failed

NEEDS_DATABASE = "Check that PostgreSQL runs, and the address, name and password in DATABASE_URL."
NEEDS_QUEUE = "Check that Redis or Valkey runs, and REDIS_URL."
CHECKS: dict[str, tuple[Check, str]] = {  # what to do when the check itself cannot run
    "settings": (installation.check_settings, "Correct the setting that it names."),
    "disk": (installation.check_disk, "Make the folder readable to this user."),
    "storage": (installation.check_storage, "Check PORTAL_VAR and the FILES_S3 settings."),
    "database": (database.check_server, NEEDS_DATABASE),
    "replica": (database.check_replica, "Check that it runs, and DATABASE_REPLICA_URL."),
    "roles": (database.check_roles, NEEDS_DATABASE),
    "row-level security": (database.check_row_level_security, NEEDS_DATABASE),
    "migrations": (database.check_migrations, NEEDS_DATABASE),
    "cache": (background.check_cache, NEEDS_QUEUE),
    "queue": (background.check_queue, NEEDS_QUEUE),
    "workers": (background.check_workers, NEEDS_QUEUE),
    "beat": (background.check_beat, "Make PORTAL_VAR readable to this user."),
    "mail": (installation.check_mail, "Check the EMAIL settings."),
    "clock": (background.check_clock, "Check that database and queue can be reached."),
}


class Command(BaseCommand):
    """Exits 0 when nothing failed, 1 otherwise. Changes nothing; a small file is written to the storage and deleted."""

    requires_system_checks: list[str] = []  # their errors are findings
    help = (
        "Examines this installation: settings, database, queue, mail, files, clock. Says what to do about each fault."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add this command's own options."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object instead of lines")
        parser.add_argument("--strict", action="store_true", help="exit 1 for warnings too")
        parser.add_argument("--only", choices=list(CHECKS), action="append", help="examine this alone; may be repeated")

    def handle(
        self, *_args: object, as_json: bool, strict: bool, only: list[str] | None = None, **_options: object
    ) -> None:
        """Examine and report."""
        findings = [(name, finding) for name in only or CHECKS for finding in _run(name)]
        if as_json:
            rows = [
                {"check": name, "level": each.level, "text": each.text, "remedy": each.remedy}
                for name, each in findings
            ]
            good = not any(each.level == Level.FAILED for _name, each in findings)
            self.stdout.write(json.dumps({"ok": good, "findings": rows}, indent=2, ensure_ascii=False))
        else:
            for name, each in findings:
                self.stdout.write(f"{each.level:8} {name}: {each.text}")
                if each.remedy:
                    self.stdout.write(f"{'':8} -> {each.remedy}")
        bad = {Level.FAILED, Level.WARNING} if strict else {Level.FAILED}
        if any(each.level in bad for _name, each in findings):
            sys.exit(1)


def _run(name: str) -> Iterator[Finding]:
    check, remedy = CHECKS[name]
    try:
        yield from check()
    except Exception as error:  # what cannot be examined is a finding, and the rest is examined
        yield failed(f"{type(error).__name__}: {' '.join(str(error).split())}", remedy)
