"""Fills the cache with the front page's figures after an import and on a new day."""

from collections.abc import Callable
from functools import partial

from celery import shared_task
from django.db import transaction
from django.dispatch import receiver

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from dashboard.overview import Overview
from dashboard.panels import PANELS
from ledger.queries import posting
from partner_portal.lib.rows.datasets import select
from partner_portal.lib.rows.events import ledger_posted

TABLES = ("renewals", "breakdown", "client-entries")


@receiver(ledger_posted)
def prepare_after_posting(scope: Scope, **_: object) -> None:
    """Have a worker prepare the figures once an import or a new day is committed; without it the first reader waits."""
    transaction.on_commit(partial(prepare_figures.delay, scope.partner.pk), robust=True)


@shared_task
def prepare_figures(partner_id: int) -> None:
    """Query every panel of today's front page, and what the longest tables come to, so that all of it is cached.

    Figures that are already cached cost nothing. Each is stored as soon as it is known.
    """
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        if posting(system_scope(partner)) is None:
            return
    parts: list[Callable[[Overview], object]] = [panel.context for panel in PANELS]
    parts += [partial(_totals, key) for key in TABLES]
    for prepare in parts:
        with partner_scope(partner):
            prepare(Overview(system_scope(partner), "/dashboard/", {}))


def _totals(dataset: str, overview: Overview) -> None:
    select(dataset, overview.scope).totals  # noqa: B018 -- cached by reading it
