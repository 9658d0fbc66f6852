"""Works out ahead of time what the front page asks for first after an import, or on a new day."""

from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction
from django.dispatch import receiver

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from dashboard.overview import Overview
from dashboard.panels import PANELS
from ledger.queries import posting
from partner_portal.lib.rows.events import ledger_posted


@receiver(ledger_posted)
def ledger_was_posted(sender: Any, scope: Scope, **_: Any) -> None:
    """Receiver: once an import or a new day is committed, a worker prepares the figures. Without one, the first reader waits
    instead."""
    transaction.on_commit(partial(prepare_figures.delay, scope.partner.pk), robust=True)


@shared_task
def prepare_figures(partner_id: int) -> None:
    """Ask for every panel of today's front page, so that its figures are remembered; what already is costs nothing."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        look = Overview(system_scope(partner), "/dashboard/", {})
        if posting(look.scope) is not None:
            for panel in PANELS:
                panel.context(look)
