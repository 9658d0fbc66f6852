"""Reads the deals that earn commission: stored by `commissions.services.rebuild_deal_earnings`, or derived from the facts.

Deriving them walks every line that something was taken from, which takes seconds for a hundred thousand deals. So they are
stored for the clients of every posting of the ledger, and pages read the stored ones.
"""

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q, QuerySet

from accounts.scope import Scope
from clients.models import Cancellation, Deal
from commissions.expected import Earning, Stretch, earning
from commissions.models import DealEarning
from commissions.rules import term_end
from ledger.engine import deal_lives
from ledger.facts_of_clients import load_sold
from ledger.queries import posting
from ledger.records import ClientFacts, DealFact, DealLife
from partner_portal.lib.dates.months import add_months
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import CommissionTerms
from program.terms import SALES, DealKind, Origin, Stage

AHEAD_MONTHS = 12  # four quarters
EVER = (date.min, date.max)
_COLUMNS = (
    "client_id", "deal__deal_id", "deal__product_line", "deal__currency", "deal__mrr", "deal__closed_on", "cancelled_on",
    "gone_on", "first_month", "last_month", "stretches",
)  # fmt: skip


def earnings(
    scope: Scope,
    months: tuple[date, date] = EVER,
    *,
    deal_ids: Collection[str] = (),
    client: int | None = None,
) -> list[Earning]:
    """The deals that earn commission, as known today: closed by today, known cancellations ahead included.

    months: only those that earn in a month from the first to the last (their first days), and those named by `deal_ids`.
    client: of one client, by its primary key. By client and deal id. Two queries, five more of a past day.
    """
    rows = _stored(scope)
    if client is not None:
        rows = rows.filter(client=client)
    if months != EVER:
        rows = rows.filter(_within(*months) | Q(deal__deal_id__in=deal_ids))
    terms = rulebook(scope).commission
    columns = rows.order_by("client_id", "deal__deal_id").values_list(*_COLUMNS)
    stored = [_as_earning(terms, *row) for row in columns.iterator()]
    derived = [
        deal
        for deal in _derived_again(scope)
        if client in (None, deal.client) and (months == EVER or deal.within(*months) or deal.deal_id in deal_ids)
    ]
    return sorted(stored + derived, key=lambda deal: (deal.client, deal.deal_id)) if derived else stored


def numbers_within(scope: Scope, first: date, last: date) -> tuple[int, int, list[str]]:
    """Of the deals that earn in these months: how many, of how many clients, and their currencies. One query."""
    sums = (
        _stored(scope)
        .filter(_within(first, last))
        .aggregate(
            deals=Count("pk"),
            clients=Count("client", distinct=True),
            currencies=ArrayAgg("deal__currency", distinct=True),
        )
    )
    derived = [deal for deal in _derived_again(scope) if deal.within(first, last)]
    return (
        sums["deals"] + len(derived),
        sums["clients"] + len({deal.client for deal in derived}),
        sorted({*(sums["currencies"] or ()), *(deal.currency for deal in derived)}),
    )


def _within(first: date, last: date) -> Q:
    return Q(first_month__lte=last, last_month__gte=first)


# The stored earnings are those of the day that the ledger is posted through. An earlier day knows fewer downgrades, so the
# clients with a downgrade in between are derived again for it; every client is either stored or derived.


def _stored(scope: Scope) -> QuerySet[DealEarning]:
    """The stored earnings that hold on the scope's day."""
    rows = DealEarning.objects.filter(partner=scope.partner)
    outdated = _outdated_clients(scope)
    return rows if outdated is None else rows.exclude(client__in=outdated).filter(deal__closed_on__lte=scope.today)


def _derived_again(scope: Scope) -> list[Earning]:
    """The earnings of the other clients, from their facts; none on the day that the ledger is posted through."""
    return _earnings_of_outdated(scope) if _outdated_clients(scope) else []


@cached_by_generation("commission-earnings-cut-later")
def _earnings_of_outdated(scope: Scope) -> list[Earning]:
    return [deal for _pk, deal in derived_earnings(scope, _outdated_clients(scope))]


def _outdated_clients(scope: Scope) -> set[int] | None:
    """Clients with a downgrade after the scope's day, up to the posted one; None when no day lies between."""
    state = posting(scope)
    if state is None or scope.today >= state.posted_through:
        return None
    since = (scope.today + timedelta(days=1), state.posted_through)
    cuts = Deal.objects.filter(partner=scope.partner, stage=Stage.WON, kind=DealKind.DOWNGRADE, closed_on__range=since)
    return scope.once("outdated-earnings", lambda: set(cuts.values_list("client_id", flat=True)))


def _as_earning(
    terms: CommissionTerms,
    client: int,
    deal_id: str,
    line: str,
    currency: str,
    mrr: Decimal,
    closed_on: date,
    cancelled_on: date | None,
    gone_on: date | None,
    first: date | None,
    last: date | None,
    cut: list[tuple[str, str, str]] | None,
) -> Earning:
    stretches: tuple[Stretch, ...] = ()
    if cut is not None:
        stretches = tuple(Stretch(date.fromisoformat(a), date.fromisoformat(b), Fraction(left)) for a, b, left in cut)
    elif first is not None and last is not None:
        stretches = (Stretch(first, last, Fraction(mrr)),)
    ends_on = term_end(closed_on, terms)
    return Earning(
        client, deal_id, line, currency, mrr, closed_on, ends_on, cancelled_on, cut is not None, gone_on, stretches
    )


def derived_earnings(scope: Scope, clients: Collection[int] | None) -> Iterator[tuple[int, Earning]]:
    """Derive from the facts which deals of these clients (None: all) earn commission; pairs of the deal's primary key and it.

    Four queries, and two where nothing was taken from any line.
    """
    terms = rulebook(scope).commission
    won = Deal.objects.filter(
        partner=scope.partner, stage=Stage.WON, kind__in=SALES, origin=Origin.SOURCED,
        closed_on__gte=terms.start, closed_on__lte=scope.today,
    )  # fmt: skip
    if clients is not None:
        won = won.filter(client__in=clients)
    rows: Any = won.values_list(
        "pk", "client_id", "deal_id", "product_line", "kind", "origin", "stage", "mrr", "currency", "closed_on"
    )
    cut_on = _last_cuts(scope, clients)
    cut: set[tuple[int, str]] = set()  # lines from which something was taken since: their cuts are walked in full
    lives: list[tuple[int, int, DealLife]] = []
    for pk, client, *values in rows:
        deal = DealFact.read(*values)
        days = (cut_on.get((client, deal.product_line)), cut_on.get((client, "")))
        if any(day is not None and day >= values[-1] for day in days):
            cut.add((client, deal.product_line))
        lives.append((pk, client, DealLife(deal, values[-1], (), None)))
    for pk, client, life in lives:
        if (client, life.deal.product_line) not in cut and (earns := earning(client, life, terms)):
            yield pk, earns
    until = add_months(scope.today, max(terms.months, AHEAD_MONTHS) + 3)
    for loaded in load_sold(scope, {client for client, _line in cut}) if cut else ():
        known = loaded.facts
        deals = [
            deal
            for deal in known.deals
            if deal.closed_on is not None
            and deal.closed_on <= scope.today
            and (loaded.client_pk, deal.product_line) in cut
        ]
        facts = ClientFacts(known.country, deals, (), known.cancellations)
        for life in deal_lives(facts, rulebook(scope), until):
            if earns := earning(loaded.client_pk, life, terms):
                yield loaded.deals[life.deal.deal_id], earns


def _last_cuts(scope: Scope, clients: Collection[int] | None) -> dict[tuple[int, str], date]:
    """The last day on which something was taken from a line, by client and line ("" for all lines): downgrades up to today
    and cancellations, those ahead included."""
    own = Q(partner=scope.partner) if clients is None else Q(partner=scope.partner, client__in=clients)
    downgrades = Deal.objects.filter(own, kind=DealKind.DOWNGRADE, stage=Stage.WON, closed_on__lte=scope.today)
    last: dict[tuple[int, str], date] = {}
    for client, line, day in [
        *downgrades.values_list("client_id", "product_line", "closed_on"),
        *Cancellation.objects.filter(own).values_list("client_id", "product_line", "cancelled_on"),
    ]:
        if day is not None:
            last[client, line] = max(last.get((client, line), day), day)
    return last
