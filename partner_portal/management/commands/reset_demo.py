"""reset_demo --yes"""

import json

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections, models, transaction

from accounts.models import Partner, User
from accounts.scope import outside_partners
from partner_portal.management.commands.load_demo import PEOPLE
from partner_portal.partner_archive.deletion import delete_rows
from partner_portal.postgres.role import as_owner


class Command(BaseCommand):
    help = (
        "Delete everything of the demo partners, and load them as they were: facts, ledger, lists, people and settings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--yes", action="store_true", help="do it; without it the command only says what it would do"
        )

    def handle(self, *_: object, yes: bool, **__: object) -> None:
        if not yes:
            raise CommandError(f"This deletes all data of {' and '.join(PEOPLE)}. Repeat with --yes.")
        connections.close_all()
        try:
            with as_owner():
                for partner in Partner.objects.filter(slug__in=PEOPLE):
                    _empty(partner)
                people = [email for members in PEOPLE.values() for email, _name, _role in members]
                with outside_partners():
                    User.objects.filter(email__in=people).update(language="", theme="", density="", single_keys=True)
                connections.close_all()
        finally:
            connections.close_all()
        call_command("load_demo", stdout=self.stdout)


def _empty(partner: Partner) -> None:
    """Delete all rows and files of the partner, and set its own row to that of the demo. Sessions stay."""
    facts = json.loads((settings.BASE_DIR / "demo" / partner.slug / "partner.json").read_text(encoding="utf-8"))
    names = {name: facts[name] for name in ("name", "payout_currency", "time_zone", "language")}
    unset = {"mail_domains": "", "stale_after_days": 7, "thresholds": {}, "sample_import": None}
    with transaction.atomic():
        files = delete_rows(partner, with_itself=False)
        Partner.objects.filter(pk=partner.pk).update(**names, **unset, generation=models.F("generation") + 1)
    for name in files:
        default_storage.delete(name)
