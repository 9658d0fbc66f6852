"""delete_partner SLUG --yes"""

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connections

from accounts.models import Partner
from partner_portal.partner_archive.deletion import delete_rows
from partner_portal.postgres.role import as_owner


class Command(BaseCommand):
    help = "Delete a partner with its whole history and files, for good. Its people stay, without access to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument(
            "--yes", action="store_true", help="do it; without it the command only says what it would do"
        )

    def handle(self, *_: object, slug: str, yes: bool, **__: object) -> None:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        if not yes:
            raise CommandError(
                f"This deletes all data of {partner.name} ({slug}), its audit log too. Make an archive with export_partner"
                " first, then repeat with --yes."
            )
        connections.close_all()
        try:
            with as_owner():
                files = delete_rows(partner, with_itself=True)
                connections.close_all()
        except ProgrammingError as error:
            raise CommandError(
                "Only the owner of the tables may: run it with the DATABASE_URL that migrate gets."
            ) from error
        finally:
            connections.close_all()
        for name in files:
            default_storage.delete(name)
        self.stdout.write(f"{partner.name} ({slug}) is deleted, with {len(files)} files.")
