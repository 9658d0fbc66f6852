"""Works out ahead of time what the front page and its neighbours ask for first after an import."""

from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction
from django.dispatch import receiver

from accounts.models import Partner
from accounts.scope import Scope, system_scope, within
from commissions.queries import outlook, quarters
from ledger.queries import forecast
from partner_portal.lib.events import facts_committed
from partner_portal.lib.periods import PRESETS
from renewals.queries import renewal_rows
from tiers.queries import money_figures, standing


@receiver(facts_committed)
def facts_came_in(sender: Any, scope: Scope, **_: Any) -> None:
    """Receiver: once the import is committed, a worker prepares the figures. Without one, the first reader waits instead."""
    transaction.on_commit(partial(prepare_figures.delay, scope.partner.pk), robust=True)


@shared_task
def prepare_figures(partner_id: int) -> None:
    """Fill the partner's cache of today's figures; what is already there costs nothing."""
    partner = Partner.objects.get(pk=partner_id)
    with within(partner):
        scope = system_scope(partner)
        standing(scope)
        money_figures(scope, scope.today)
        forecast(scope, scope.today)
        quarters(scope)
        outlook(scope)
        _group, _label, ahead = PRESETS["next-90-days"]
        renewal_rows(scope, ahead(scope.today))
