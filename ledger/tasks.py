"""The clock's part of the ledger."""

from celery import shared_task

from accounts.models import Partner
from accounts.scope import system_scope, within
from ledger.services import catch_up


@shared_task
def catch_up_ledgers() -> int:
    """Post what fell due, partner by partner, each in a transaction of its own. Returns the number of partners."""
    partners = list(Partner.objects.order_by("pk"))
    for partner in partners:
        with within(partner):
            catch_up(scope=system_scope(partner))
    return len(partners)
