"""Command `undo_import SLUG [NUMBER] [--rest]`: undoes an import (docs/contract.md)."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from imports.batch_states import NotNow
from imports.models import BatchStatus, ImportBatch
from imports.queries import history, latest_written
from imports.services import undo_now
from partner_portal.lib import arguments


class Command(BaseCommand):
    help = "Undo an import: withdraw what it added, and bring back what it changed or withdrew."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the partner's short name")
        parser.add_argument("number", nargs="?", type=arguments.whole, help="of the import; without it, the latest one")
        parser.add_argument(
            "--rest", action="store_true", help="undo the rows that nobody changed since, where others were"
        )

    def handle(self, *_args: object, slug: str, number: int | None, rest: bool, **_options: object) -> None:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        with translation.override("en"), partner_scope(partner):
            scope = system_scope(partner)
            target = _target(scope, number)
            try:
                batch, outcome = undo_now(scope=scope, batch_id=target.pk, rest=rest)
            except NotNow as reason:
                raise CommandError(f"Nothing was undone: {reason}", returncode=1) from reason
        stream = self.stdout if outcome.written else self.stderr
        for row in outcome.left:
            stream.write(f"{row.kind} {row.name!r}: {row.why}")
        if not outcome.written:
            rows = "1 row was" if len(outcome.left) == 1 else f"{len(outcome.left)} rows were"
            raise CommandError(f"Nothing was undone: {rows} changed since; --rest undoes the others.", returncode=1)
        for key, counts in outcome.counts.items():
            self.stdout.write(f"{key}: {', '.join(f'{rows} {action}' for action, rows in sorted(counts.items()))}")
        entries = batch.points.get("entries", 0)
        self.stdout.write(f"Import {target} is undone, as import {batch}: {batch.rows} rows, {entries} ledger entries.")


def _target(scope: Scope, number: int | None) -> ImportBatch:
    if number is None:
        target = latest_written(scope)
        if target is None:
            raise CommandError("Nothing was undone: there is no import.", returncode=1)
        return target
    target = history(scope).filter(pk=number).first()
    if target is None:
        raise CommandError(f"There is no import #{number}.", returncode=1)
    if target.status != BatchStatus.COMMITTED:
        raise CommandError(f"Nothing was undone: import {target} was not written.", returncode=1)
    return target
