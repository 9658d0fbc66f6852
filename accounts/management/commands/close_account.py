"""close_account EMAIL"""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.models import User


class Command(BaseCommand):
    help = "Let somebody sign in no more, and end their sessions, tokens and private addresses in every partner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *_args: object, email: str, **_options: object) -> None:
        user = User.objects.filter(email=email.lower()).first()
        if user is None:
            raise CommandError(f"Nobody has the address {email}.")
        if not services.close_account(user=user):
            raise CommandError(f"The account of {user.email} is closed already.")
        self.stdout.write(f"{user.email} can no longer sign in, and is signed out everywhere.")
