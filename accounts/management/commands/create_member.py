"""create_member EMAIL --partner SLUG --role ROLE --password-stdin"""

import sys

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import queries, services
from accounts.forms import MemberForm, one_line
from accounts.roles import Role
from accounts.scope import partner_scope, system_scope


class Command(BaseCommand):
    help = "Make a person a member of a partner. Somebody who is known already joins with the password they have."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--partner", required=True, metavar="SLUG")
        parser.add_argument("--role", required=True, help=", ".join(Role.values))
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password from standard input; without it the person sets one through the sign-in page",
        )

    def handle(
        self, *_args: object, email: str, partner: str, role: str, name: str, password_stdin: bool, **_options: object
    ) -> None:
        tenant = queries.partner_by_slug(partner)
        if tenant is None:
            raise CommandError(f"partner: there is no '{partner}'.")
        form = MemberForm({"email": email, "role": role, "name": name})
        if not form.is_valid():
            raise CommandError(one_line(form))
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
        try:
            if password is not None:
                validate_password(password)
            with partner_scope(tenant):
                user, is_new = services.add_member(scope=system_scope(tenant), password=password, **form.cleaned_data)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        joined = f"{user.email} is {role} of {tenant.slug}"
        self.stdout.write(f"{joined}." if is_new else f"{joined}, with the password of before.")
