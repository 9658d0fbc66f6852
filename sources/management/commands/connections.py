"""Command `connections SLUG [--json]`: the partner's live connections and how they are."""

import json

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from accounts.queries import partner_by_slug
from accounts.scope import partner_scope, system_scope
from sources.queries import summaries


class Command(BaseCommand):
    help = "List a partner's live connections."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the partner's short name")
        parser.add_argument("--json", action="store_true", help="print a list of objects")

    def handle(self, *_args: object, slug: str, **options: object) -> None:
        partner = partner_by_slug(slug)
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        with translation.override("en"), partner_scope(partner):
            rows = summaries(system_scope(partner))
        if options["json"]:
            self.stdout.write(json.dumps([row.as_data() for row in rows], default=str))
            return
        for row in rows:
            good = f"{row.good_at:%Y-%m-%d %H:%M}" if row.good_at else "never"
            self.stdout.write(
                f"#{row.number} {row.label} ({row.account}): {row.state}, last good run {good}. {row.why}".strip()
            )
