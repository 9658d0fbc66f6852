"""import_partner FILE [--passphrase-file FILE] [--under-other-rules]"""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from partner_portal.partner_archive.manifest import ArchiveError
from partner_portal.partner_archive.passphrase import passphrase_from
from partner_portal.partner_archive.reading import read_archive


class Command(BaseCommand):
    help = "Take a partner with its whole history from a file of export_partner: wholly or not at all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="its first line decrypts tokens")
        parser.add_argument(
            "--under-other-rules",
            action="store_true",
            help="although the programme's rules differ here: the ledger is posted again",
        )

    def handle(self, *, file: Path, passphrase_file: Path | None, under_other_rules: bool, **_: object) -> None:
        try:
            partner, manifest = read_archive(
                file=file, passphrase=passphrase_from(passphrase_file), other_rules=under_other_rules
            )
        except ArchiveError as error:
            raise CommandError(str(error), returncode=2) from None
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror or error}.", returncode=2) from None
        rows = sum(part.rows for part in manifest.parts.values())
        self.stdout.write(
            f"{partner.name} ({partner.slug}) is here as of {manifest.made_at}: {rows:,} rows."
            f" Check it with manage.py verify_ledger {partner.slug}. People who are new here set a password by"
            " “Forgot your password?”."
        )
