"""export_partner SLUG FILE [--passphrase-file FILE]"""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Partner
from partner_portal.partner_archive.manifest import PEOPLE, ArchiveError
from partner_portal.partner_archive.passphrase import passphrase_from
from partner_portal.partner_archive.writing import write_archive


class Command(BaseCommand):
    help = "Write a partner with its whole history into one file, for import_partner of another installation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("file", type=Path, help="appears when it is complete; one of that name is replaced")
        parser.add_argument(
            "--passphrase-file",
            type=Path,
            metavar="FILE",
            help="its first line encrypts the tokens of connections and addresses of channels; without it they are left out",
        )

    def handle(self, *, slug: str, file: Path, passphrase_file: Path | None, **_: object) -> None:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        try:
            manifest = write_archive(partner=partner, file=file, passphrase=passphrase_from(passphrase_file))
        except ArchiveError as error:
            raise CommandError(str(error), returncode=2) from None
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror or error}.", returncode=3) from None
        rows = sum(part.rows for part in manifest.parts.values())
        people = manifest.parts[PEOPLE].rows
        size = file.stat().st_size
        self.stdout.write(
            f"{manifest.name} ({slug}) is in {file}: {rows:,} rows, {people} people, {size:,} bytes."
            + ("" if manifest.salt else " Tokens of connections are not in it.")
        )
