"""Periodic tasks of notices: look for news where something has moved, and remove what is old."""

from celery import shared_task

from accounts.models import Partner
from accounts.scope import partner_scope, partners_with, system_scope
from ledger.services import catch_up_if_behind
from notices import queries, services


@shared_task
def look_for_news() -> int:
    """Every five minutes: enqueue one task per partner whose figures or day have moved. Returns how many."""
    partners = partners_with(queries.due_looks())
    for partner in partners:
        look_at_partner.delay(partner.pk)
    return len(partners)


@shared_task
def look_at_partner(partner_id: int) -> int:
    """Tell the people of one partner what is new. Returns the number of notices."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        catch_up_if_behind(scope=system_scope(partner))
    partner.refresh_from_db()
    with partner_scope(partner):
        return services.look(scope=system_scope(partner))


@shared_task
def remove_outdated_notices() -> int:
    """Every day: delete notices that are no news any more. Returns how many."""
    count = 0
    for partner in partners_with(*services.outdated_notices()):
        with partner_scope(partner):
            count += services.remove_outdated(scope=system_scope(partner))
    return count
