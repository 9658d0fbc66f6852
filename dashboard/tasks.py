"""Fills the cache with what takes longest to work out, before or right after an import or a new day is to be seen."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from celery import shared_task
from django.db import transaction
from django.dispatch import receiver

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from commissions.forms import PaidForm
from commissions.outlook import ahead_by_client
from commissions.page import AHEAD_CLIENTS, overview_of
from dashboard.overview import Overview
from dashboard.panels import PANELS
from ledger.prepared import keeping
from ledger.queries import posting
from ledger.services import is_large
from partner_portal.lib.rows.datasets import select
from partner_portal.lib.rows.events import figures_settled, ledger_posted
from renewals.page import head

TABLES = ("renewals", "breakdown", "client-entries")
log = logging.getLogger(__name__)


@receiver(ledger_posted)
def prepare_after_posting(scope: Scope, **_: object) -> None:
    """Have a worker prepare the figures once an import or a new day is committed; without it the first reader waits."""
    transaction.on_commit(partial(prepare_figures.delay, scope.partner.pk), robust=True)


@receiver(figures_settled)
def prepare_before_commit(scope: Scope, **_: object) -> None:
    """Prepare the figures of a large ledger in the transaction that changes it (ADR 158).

    Until it commits, everybody is shown the former figures from the cache; from then on the new ones, from the cache too. A
    failure is logged and stops nothing: the figures are then worked out when they are read.
    """
    if not is_large(scope):
        return
    try:
        with transaction.atomic():
            prepare(scope.partner)
    except Exception:
        log.exception("The figures of partner %s could not be prepared.", scope.partner.pk)


@shared_task
def prepare_figures(partner_id: int) -> None:
    """Prepare the figures of a partner with a ledger. Those that are already cached cost nothing."""
    prepare(Partner.objects.get(pk=partner_id))


def prepare(partner: Partner) -> None:
    """Query every panel of today's front page, and what the longest other pages and tables show, so that all of it is cached.

    Of a large ledger, what takes longest is kept in the database too. Outside a transaction, each figure is stored as soon as it
    is known.
    """
    scope = system_scope(partner)
    with partner_scope(partner):
        if posting(scope) is None:
            return
        kept = keeping() if is_large(scope) else nullcontext()
    overview = Overview(scope, "/dashboard/", {})
    parts: list[Callable[[Overview], object]] = [panel.context for panel in PANELS]
    parts += [_commissions, _renewals, *(partial(_totals, key) for key in TABLES)]
    with kept:
        for part in parts:
            with partner_scope(partner):
                part(overview)


def _commissions(overview: Overview) -> None:
    form = PaidForm({}, scope=overview.scope)
    form.is_valid()
    overview_of(overview.scope, form)
    ahead_by_client(overview.scope, AHEAD_CLIENTS)


def _renewals(overview: Overview) -> None:
    selection = select("renewals", overview.scope)
    selection.between((), 0, 1)  # their order
    head(overview.scope, selection.params["period"])


def _totals(dataset: str, overview: Overview) -> None:
    select(dataset, overview.scope).totals  # noqa: B018 -- cached by reading it
