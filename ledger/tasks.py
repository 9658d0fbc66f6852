"""The clock's part of the ledger, and that of new rules."""

from typing import Any

from celery import shared_task
from django.db import transaction
from django.dispatch import receiver

from accounts.models import Partner
from accounts.scope import partner_scope, system_scope
from ledger.services import catch_up
from partner_portal.lib.rows.events import rules_changed


@receiver(rules_changed)
def rules_were_changed(sender: Any, **_: Any) -> None:
    """Once the change is committed workers post every ledger again; whoever looks first does it for theirs instead."""
    transaction.on_commit(catch_up_ledgers.delay, robust=True)


@shared_task
def catch_up_ledgers() -> int:
    """Hand every partner's ledger to workers, so that one that cannot be posted keeps no other from it. Returns how many."""
    partners = list(Partner.objects.order_by("pk").values_list("pk", flat=True))
    for pk in partners:
        catch_up_ledger.delay(pk)
    return len(partners)


@shared_task
def catch_up_ledger(partner_id: int) -> None:
    """Post what fell due for one partner."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        catch_up(scope=system_scope(partner))
