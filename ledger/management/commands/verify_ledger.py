"""Command that verifies ledgers against their sums and against the facts (docs/contract.md)."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Partner
from accounts.scope import partner_scope, system_scope
from ledger.verification import discrepancies, under_former_rules

FORMER_RULES = (
    "the sums are right. The programme's rules changed since the ledger was posted;"
    " the next page or hourly run posts it again."
)


class Command(BaseCommand):
    help = "Recompute every sum from the entries and the entries from the facts; exit 1 when anything differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="?", help="one partner; without it, all")

    def handle(self, *, slug: str | None, **_: object) -> None:
        partners = Partner.objects.filter(slug=slug) if slug else Partner.objects.order_by("slug")
        if slug and not partners:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        total = 0
        for partner in partners:
            with partner_scope(partner):
                scope = system_scope(partner)
                sentences = list(discrepancies(scope))
                right = FORMER_RULES if under_former_rules(scope) else "the ledger is right."
            for sentence in sentences or [right]:
                self.stdout.write(f"{partner.slug}: {sentence}")
            total += len(sentences)
        if total:
            raise CommandError(f"{total} differences.", returncode=1)
