"""forget_audit [--days N]"""

from datetime import timedelta

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connection

from accounts import services
from accounts.models import Partner
from partner_portal.lib.dates import clock
from partner_portal.postgres.role import as_owner


class Command(BaseCommand):
    help = "Delete events of the audit log that are older than AUDIT_KEEP_DAYS. For a daily timer of the operator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=settings.AUDIT_KEEP_DAYS, help="keep the events of so many days"
        )

    def handle(self, *_args: object, days: int, **_options: object) -> None:
        if days < 0:
            raise CommandError("--days is a number of days.")
        if not days:
            self.stdout.write("AUDIT_KEEP_DAYS is 0: the audit log is kept for ever.")
            return
        before = clock.now() - timedelta(days=days)
        connection.close()  # the next one is the owner's
        try:
            with as_owner():
                gone = sum(
                    services.forget_audit(partner=partner, before=before) for partner in Partner.objects.order_by("pk")
                )
        except ProgrammingError as error:
            raise CommandError(
                "Only the owner of the tables may: run it with the DATABASE_URL that migrate gets."
            ) from error
        finally:
            connection.close()
        self.stdout.write(f"{gone} events from before {before:%Y-%m-%d %H:%M} UTC are deleted.")
