"""Command `connect SLUG VENDOR [--token-stdin] [--place FOLDER] [--answers FILE.json]` (docs/contract.md)."""

import json
import sys
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from accounts.queries import partner_by_slug
from accounts.scope import partner_scope, system_scope
from sources import services
from sources.queries import connections, open_questions_of
from sources.source import JsonObject, SourceError, source_of, sources
from sources.texts import sentence


class Command(BaseCommand):
    help = "Make or change a live connection of a partner, after testing it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the partner's short name")
        parser.add_argument("vendor", choices=[source.key for source in sources()])
        parser.add_argument("--token-stdin", action="store_true", help="read the token from standard input")
        parser.add_argument("--place", default="", help="of a watched folder: its path below the partner's folder")
        parser.add_argument(
            "--answers", type=Path, metavar="FILE", help="answers to the connection's questions, as JSON"
        )

    def handle(
        self,
        *_args: object,
        slug: str,
        vendor: str,
        token_stdin: bool,
        place: str,
        answers: Path | None,
        **_options: object,
    ) -> None:
        partner = partner_by_slug(slug)
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        source = source_of(vendor)
        if source.needs_token and not token_stdin:
            raise CommandError("--token-stdin is needed: the token is read from standard input.", returncode=2)
        if source.needs_place and not place:
            raise CommandError("--place is needed.", returncode=2)
        document = _document(answers)
        token = sys.stdin.readline().strip() if token_stdin else ""
        with translation.override("en"):
            with partner_scope(partner):
                present = connections(system_scope(partner)).filter(vendor=vendor, place=place).first()
            known = present.account.get("id", "") if present else ""
            try:
                account, schema = services.try_access(partner, vendor, token=token, place=place, account_id=known)
                with partner_scope(partner):
                    scope = system_scope(partner)
                    if present is None:
                        connection = services.make(
                            scope=scope, vendor=vendor, account=account, schema=schema, token=token, place=place,
                            answers=document,
                        )  # fmt: skip
                    else:
                        connection = services.replace_token(
                            scope=scope, connection_id=present.pk, token=token, account=account, schema=schema
                        )
                        if document is not None:
                            connection = services.answer(scope=scope, connection_id=present.pk, answers=document)
            except SourceError as error:
                text = sentence(error.code, error.details, vendor=str(source.label), zone=partner.time_zone)
                raise CommandError(text, returncode=1) from error
            except ValidationError as error:
                raise CommandError(" ".join(error.messages), returncode=1) from error
            done = "changed" if present else "made"
            self.stdout.write(f"Connection #{connection.pk} ({connection.label}, account {account.id}) is {done}.")
            for question in open_questions_of(connection):
                self.stdout.write(f"Open: {question.key}")


def _document(path: Path | None) -> JsonObject | None:
    if path is None:
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}", returncode=2) from error
    if not isinstance(document, dict):
        raise CommandError(f"{path}: not a JSON object.", returncode=2)
    return document
