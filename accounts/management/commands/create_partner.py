"""create_partner SLUG --name NAME --currency USD"""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.forms import NewPartnerForm, one_line


class Command(BaseCommand):
    help = "Create a partner organisation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name for commands and files: small letters, digits, - and _")
        parser.add_argument("--name", required=True)
        parser.add_argument("--currency", required=True, help="of the payouts, such as USD")
        parser.add_argument("--time-zone", default="UTC", help="such as Europe/Amsterdam; default UTC")
        parser.add_argument("--language", default="en")

    def handle(
        self, *_args: object, slug: str, name: str, currency: str, time_zone: str, language: str, **_options: object
    ) -> None:
        form = NewPartnerForm(
            {
                "slug": slug,
                "name": name,
                "payout_currency": currency,
                "time_zone": time_zone,
                "language": language,
            }
        )
        if not form.is_valid():
            raise CommandError(one_line(form).replace("payout_currency:", "currency:"))
        partner = services.create_partner(**form.cleaned_data)
        self.stdout.write(f"{partner.name} ({partner.slug}) is created. Add its first admin with create_member.")
