"""Command that posts every ledger that is behind, and says how far that is (docs/operations.md)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.scope import partner_scope, partners_with, system_scope
from ledger.queries import by_last_sign_in, due_by_clock, reposting
from ledger.services import catch_up_if_behind


class Command(BaseCommand):
    help = "Post what is due of every partner, those whose people signed in last first, as workers do after a change of rules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--progress", action="store_true", help="post nothing: only say how far the workers are")

    def handle(self, *, progress: bool, **_: Any) -> None:
        if progress:
            self.stdout.write("{} of {} ledgers are posted under the rules in force.".format(*reposting()))
            return
        partners = by_last_sign_in(partners_with(due_by_clock()))
        failed = 0
        for done, partner in enumerate(partners, 1):
            try:
                with partner_scope(partner):
                    catch_up_if_behind(scope=system_scope(partner))
            except Exception as error:  # one partner's fault stops no other
                failed += 1
                self.stderr.write(f"{partner.slug}: {type(error).__name__}: {error}")
            else:
                self.stdout.write(f"{partner.slug}: posted, {done} of {len(partners)}")
        if failed:
            raise CommandError(f"{failed} ledgers could not be posted.", returncode=1)
