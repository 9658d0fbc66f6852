"""Tasks that post what falls due by the clock, and repost ledgers after a change of the programme's rules."""

from celery import shared_task
from django.db import transaction
from django.dispatch import receiver

from accounts.models import Partner
from accounts.scope import partner_scope, partners_with, system_scope
from ledger.queries import by_last_sign_in, due_by_clock
from ledger.services import catch_up_if_behind
from partner_portal.lib.rows.events import rules_changed


@receiver(rules_changed)
def enqueue_catch_up_after_rule_change(sender: object, **_: object) -> None:
    """Receive `rules_changed`: once it is committed, workers repost every ledger.

    A page or file that is requested earlier reposts its own partner's ledger.
    """
    transaction.on_commit(catch_up_ledgers.delay, robust=True)


@shared_task
def catch_up_ledgers() -> int:
    """Enqueue one task per partner with something due, so that one failure does not stop the others. Returns how many.

    Partners whose people look most come first: after a change of rules, workers post for hours where there are many.
    """
    partners = by_last_sign_in(partners_with(due_by_clock()))
    for partner in partners:
        catch_up_ledger.delay(partner.pk)
    return len(partners)


@shared_task
def catch_up_ledger(partner_id: int) -> None:
    """Post what fell due for one partner."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        catch_up_if_behind(scope=system_scope(partner))
