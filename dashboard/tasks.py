"""Fills the cache with the front page's figures after an import and on a new day."""

from functools import partial

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
def prepare_after_posting(scope: Scope, **_: object) -> None:
    """Have a worker prepare the figures once an import or a new day is committed; without it the first reader waits."""
    transaction.on_commit(partial(prepare_figures.delay, scope.partner.pk), robust=True)


@shared_task
def prepare_figures(partner_id: int) -> None:
    """Query every panel of today's front page, so that its figures are cached. Figures that are already cached cost nothing."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        overview = Overview(system_scope(partner), "/dashboard/", {})
        if posting(overview.scope) is not None:
            for panel in PANELS:
                panel.context(overview)
