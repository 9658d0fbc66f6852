"""Prints a partner's figures as JSON (docs/contract.md)."""

import json
import sys
from argparse import ArgumentParser
from datetime import date, timedelta

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Partner
from accounts.scope import partner_scope, system_scope
from dashboard.figures import figures
from ledger.queries import behind, posting
from ledger.services import catch_up
from partner_portal.lib import arguments
from partner_portal.lib.dates.periods import Period


class Command(BaseCommand):
    help = "Print a partner's figures on a day as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--on", type=arguments.day, metavar="DATE")
        parser.add_argument("--from", dest="first", type=arguments.day, metavar="DATE")
        parser.add_argument("--to", dest="last", type=arguments.day, metavar="DATE")
        parser.add_argument("--clients", action="store_true", help="with the points of every client")

    def handle(
        self, *, slug: str, on: date | None, first: date | None, last: date | None, clients: bool, **_: object
    ) -> None:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        with partner_scope(partner):
            scope = system_scope(partner)
            day = on or scope.today
            period = _period(first, last, day)
            if posting(scope) is None or behind(scope):
                catch_up(scope=scope)
            state = posting(scope)
            if state is None or day > state.posted_through:
                raise CommandError(
                    f"{day} is ahead: the ledger is posted through {scope.today}, and no day after today can be.",
                    returncode=2,
                )
            answer = figures(scope, day, period, with_clients=clients)
        text = json.dumps(answer, indent=2, ensure_ascii=False)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()  # a closed pipe is noticed here, where `command_line.run` ends it quietly


def _period(first: date | None, last: date | None, day: date) -> Period:
    last = last or day
    if last > day:
        raise CommandError(f"The range ends on {last}, after {day}.", returncode=2)
    first = first or last - timedelta(days=29)
    if first > last:
        raise CommandError(f"The range from {first} to {last} is reversed.", returncode=2)
    return Period(first, last)
