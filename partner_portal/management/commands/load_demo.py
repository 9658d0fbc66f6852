"""Loads the two demo partners with their people and files, as far as they are not there yet."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts.models import Membership, Partner, TeamContact, User
from accounts.roles import Role
from accounts.scope import outside_partners, partner_scope

PASSWORD = "partner-portal-demo"  # noqa: S105 -- printed by `make demo`, for data that is made up
PEOPLE = {
    "northwind": [
        ("admin@northwind.example", "Pia Lundquell", Role.ADMIN),
        ("manager@northwind.example", "Tomas Okafor", Role.MANAGER),
        ("finance@northwind.example", "Greta Halvorsen", Role.FINANCE),
        ("member@northwind.example", "Milo Anders", Role.MEMBER),
    ],
    "southwind": [("admin@southwind.example", "Saskia Brouwer", Role.ADMIN)],
}


class Command(BaseCommand):
    help = "Load the demo partners; what is already there stays as it is."

    def handle(self, *_: object, **__: object) -> None:
        password = make_password(PASSWORD)  # once for all, since it takes most of a second
        for slug, people in PEOPLE.items():
            folder = settings.BASE_DIR / "demo" / slug
            facts = json.loads((folder / "partner.json").read_text(encoding="utf-8"))
            if self._is_loaded(slug):
                continue
            self._create(slug, facts, people, password)
            files = sorted(str(path) for path in folder.glob("*.csv"))
            call_command("import_data", slug, *files, verbosity=0)
            self.stdout.write(f"Loaded {facts['name']}: {len(files)} files, {len(people)} people.")

    def _is_loaded(self, slug: str) -> bool:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            return False
        with partner_scope(partner):  # what was posted is the partner's own and not seen from outside
            return Partner.objects.filter(pk=partner.pk, posting__isnull=False).exists()

    @transaction.atomic
    def _create(self, slug: str, facts: dict[str, Any], people: list[tuple[str, str, Role]], password: str) -> None:
        names = ("name", "payout_currency", "time_zone", "language")
        partner, _ = Partner.objects.get_or_create(slug=slug, defaults={name: facts[name] for name in names})
        with partner_scope(partner):
            for position, contact in enumerate(facts["team"]):
                TeamContact.objects.get_or_create(
                    partner=partner, email=contact["email"], defaults={**contact, "position": position}
                )
            for email, name, role in people:
                with outside_partners():  # the partner does not know them yet
                    user = User.objects.filter(email=email).first()
                    if user is None:
                        user = User(email=email, name=name, password=password)
                        user.save()
                Membership.objects.get_or_create(user=user, partner=partner, defaults={"role": role})
