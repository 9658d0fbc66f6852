"""Command `rotate_credentials`: encrypts every stored token with the newest of CREDENTIALS_KEYS."""

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Partner
from sources.services import rotate


class Command(BaseCommand):
    help = "Encrypt the tokens of all live connections with the newest key, so that older keys can be dropped."

    def handle(self, *_args: object, **_options: object) -> None:
        total, unreadable = 0, []
        for partner in Partner.objects.order_by("pk"):
            done, labels = rotate(partner=partner)
            total += done
            unreadable += [f"{partner.slug}: {label}" for label in labels]
        self.stdout.write(f"{total} encrypted with the newest key.")
        if unreadable:
            raise CommandError("No key fits these; enter their tokens again: " + ", ".join(unreadable), returncode=1)
