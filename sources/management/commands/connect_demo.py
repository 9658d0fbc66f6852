"""Command `connect_demo`: a demo partner whose clients and deals come from the simulated HubSpot that `demo` starts."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from accounts.models import Partner
from accounts.queries import partner_by_slug
from accounts.scope import partner_scope, system_scope
from partner_portal.management.commands.load_demo import PASSWORD
from sources.management.commands.hubspot_simulator import TOKEN
from sources.queries import connections

SLUG, NAME, ADMIN = "westwind", "Westwind Digital", "admin@westwind.example"


class Command(BaseCommand):
    help = f"Make the demo partner {SLUG}, connect it to the simulated HubSpot, and write its first import."

    def handle(self, *_args: object, **_options: object) -> None:
        folder = settings.BASE_DIR / "demo" / SLUG
        partner = partner_by_slug(SLUG)
        if partner is None:
            call_command("create_partner", SLUG, name=NAME, currency="USD", time_zone="Europe/Amsterdam")
        elif self._is_connected(partner):
            return
        with _given(PASSWORD):
            call_command("create_member", ADMIN, "--partner", SLUG, "--role", "admin", "--password-stdin")
        with _given(TOKEN):
            call_command("connect", SLUG, "hubspot", "--token-stdin", "--answers", str(folder / "connection.json"))
        call_command("sync", SLUG, "hubspot", "--commit")
        # What HubSpot does not hand out stays a matter of files.
        call_command("import_data", SLUG, *(str(folder / f"{kind}.csv") for kind in ("services", "certifications")))

    def _is_connected(self, partner: Partner) -> bool:
        with partner_scope(partner):
            return connections(system_scope(partner)).exists()


@contextmanager
def _given(text: str) -> Iterator[None]:
    """Let commands read this from their input."""
    before = sys.stdin
    sys.stdin = io.StringIO(text.rstrip("\n") + "\n")
    try:
        yield
    finally:
        sys.stdin = before
