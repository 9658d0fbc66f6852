"""Command `sync SLUG [VENDOR] [--full] [--commit]`: one run now, printed as JSON (docs/contract.md)."""

import json

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from accounts.queries import partner_by_slug
from accounts.scope import partner_scope, system_scope
from imports.pipeline import silent
from sources.models import RunState
from sources.queries import connections, why_text
from sources.runs import NotRunnable, run_connection
from sources.texts import sentence


class Command(BaseCommand):
    help = "Read from a live connection now, and import what is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the partner's short name")
        parser.add_argument(
            "vendor", nargs="?", default="", help="or the number of a connection; needed when there are several"
        )
        parser.add_argument("--full", action="store_true", help="read everything, not only what changed")
        parser.add_argument(
            "--commit", action="store_true", help="write a first import too, which else waits for a person"
        )

    def handle(self, *_args: object, slug: str, vendor: str, full: bool, commit: bool, **_options: object) -> None:
        partner = partner_by_slug(slug)
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        with partner_scope(partner):
            found = connections(system_scope(partner))
            chosen = list(
                found.filter(pk=vendor) if vendor.isdecimal() else found.filter(vendor=vendor) if vendor else found
            )
        if len(chosen) != 1:
            raise CommandError("Say which connection." if chosen else "There is no such connection.", returncode=2)
        [connection] = chosen
        with translation.override("en"):
            try:
                run = run_connection(
                    partner=partner,
                    connection_id=connection.pk,
                    by_itself=False,
                    full=full or None,
                    commit_first=commit,
                    step=silent,
                )
                code = "busy"
            except NotRunnable as reason:
                run, code = None, reason.code
            if run is None:
                text = sentence(code, {}, vendor=connection.label, zone=partner.time_zone)
                raise CommandError(text, returncode=1)
            with partner_scope(partner):
                why = why_text(system_scope(partner), run.connection, run)
        report = {
            "connection": connection.pk, "kind": "full" if run.full else "window", "calls": run.calls, "read": run.read,
            "added": run.added, "changed": run.changed, "withdrawn": run.withdrawn, "unmatched": run.unmatched,
            "left_out": run.left_out, "import": run.batch_id, "state": run.state, "why": why,
        }  # fmt: skip
        self.stdout.write(json.dumps(report))
        if run.state not in (RunState.COMMITTED, RunState.WAITS, RunState.NOTHING_NEW):
            raise SystemExit(1)
