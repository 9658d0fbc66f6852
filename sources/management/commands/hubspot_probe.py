"""Command `hubspot_probe [--pages N]`: a report about an account that holds none of its values."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sources.hubspot.probe import report
from sources.hubspot.source import HubSpotSource
from sources.source import SourceError


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it needs no database
    help = (
        "Print a JSON report about a HubSpot account: objects, properties and how often they are filled, associations, "
        "pipelines, counts, latencies. It holds no values, names of records or ids. The token is read from the input."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pages", type=int, default=5, help="pages of 100 records to look at in each object (5)")

    def handle(self, *_args: object, pages: int, **_options: Any) -> None:
        if sys.stdin.isatty():
            self.stderr.write("Paste the token (service key or private app token) and press Enter:")
        token = sys.stdin.readline().strip()
        if not token:
            raise CommandError("No token was given.", returncode=2)
        try:
            with HubSpotSource().client(token) as client:
                result = report(client, pages)
        except SourceError as error:
            raise CommandError(f"{error.code}: {json.dumps(error.details)}") from error
        self.stdout.write(json.dumps(result, indent=1, ensure_ascii=False))
