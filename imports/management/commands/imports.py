"""Command `imports SLUG [--json]`: the history of a partner's imports (docs/contract.md)."""

import json

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from accounts.models import Partner
from accounts.scope import partner_scope, system_scope
from imports.queries import HistoryRow, history_rows


class Command(BaseCommand):
    help = "List a partner's imports, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the partner's short name")
        parser.add_argument("--json", action="store_true", help="print a list of objects")

    def handle(self, *_args: object, slug: str, json: bool, **_options: object) -> None:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        with translation.override("en"), partner_scope(partner):
            rows = history_rows(system_scope(partner))
        if json:
            self.stdout.write(_as_json(rows))
            return
        for row in rows:
            numbers = f"{row.rows} rows: {row.added} added, {row.changed} changed, {row.withdrawn} withdrawn"
            undoes = f", undoes #{row.undoes}" if row.undoes else ""
            self.stdout.write(
                f"#{row.number}  {row.at:%Y-%m-%d %H:%M}  {row.by or 'command'}  {numbers}  {row.state}{undoes}"
            )


def _as_json(rows: list[HistoryRow]) -> str:
    return json.dumps(
        [
            {
                "number": row.number, "at": row.at.isoformat(), "by": row.by, "state": row.state,
                "added": row.added, "changed": row.changed, "withdrawn": row.withdrawn,
            }
            for row in rows
        ],
        indent=2,
    )  # fmt: skip
