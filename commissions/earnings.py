"""The deals that earn commission: derived from the facts for `commissions.services`, which stores them, and read from there."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.scope import Scope
from commissions.expected import CommissionForecast, Earning, Span, Stretch, earning, known_lives
from commissions.models import DealEarning
from commissions.rules import term_end
from ledger.engine import deal_lives
from ledger.facts_of_clients import load_sold
from ledger.records import ClientFacts
from partner_portal.lib.dates.months import add_months
from program.queries import rulebook
from program.rulebook import CommissionTerms

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
    client: of one client, by its primary key. By client and deal id. Two queries.
    """
    rows = _known(scope)
    if client is not None:
        rows = rows.filter(client=client)
    if months != EVER:
        rows = rows.filter(_within(*months) | Q(deal__deal_id__in=deal_ids))
    terms = rulebook(scope).commission
    columns = rows.order_by("client_id", "deal__deal_id").values_list(*_COLUMNS)
    return [_as_earning(terms, *row) for row in columns.iterator()]


class Paid(NamedTuple):
    """What sums of commission need of a deal from which something was taken."""

    #: The client's primary key.
    client: int
    currency: str
    stretches: tuple[Stretch, ...]


class PaidWithin(NamedTuple):
    """What sums of commission need of the deals that earn in a range of months."""

    #: The deals from which something was taken.
    cut: list[Paid]
    #: The commission of all others by quarter, without quarters in which they earn nothing.
    of_whole: dict[str, Decimal]
    #: How many of the others earn in the last four quarters of the range, and of which clients, by currency.
    whole_ahead: dict[str, tuple[int, set[int]]]


def paid_within(scope: Scope, forecast: CommissionForecast, first: date, last: date) -> PaidWithin:
    """Of the deals that earn in these months, as `earnings`, what sums need. One query.

    The database adds up the deals from which nothing was taken, months of a quarter that share a rate at once: they are most.
    """
    spans = list(forecast.spans(first, last))
    ahead = add_months(last, 1 - AHEAD_MONTHS)
    paid = PaidWithin([], {}, {})
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH known AS MATERIALIZED (
                SELECT d.currency, d.mrr, e.client_id AS client, e.stretches,
                       (extract(year FROM e.first_month) * 12 + extract(month FROM e.first_month))::int AS first,
                       (extract(year FROM e.last_month) * 12 + extract(month FROM e.last_month))::int AS last
                FROM commissions_dealearning e JOIN clients_deal d ON d.id = e.deal_id
                WHERE e.partner_id = %s AND (e.known_until IS NULL OR e.known_until > %s) AND e.known_from <= %s
                  AND e.first_month <= %s AND e.last_month >= %s
            )
            SELECT s.quarter, '' AS currency, NULL::bigint[] AS clients, NULL::jsonb AS stretches,
                   sum(round(k.mrr * s.factor, 2) * (least(k.last, s.last) - greatest(k.first, s.first) + 1)) AS value
            FROM known k
            JOIN unnest(%s::text[], %s::text[], %s::int[], %s::int[], %s::numeric[]) AS s (currency, quarter, first, last, factor)
              ON s.currency = k.currency AND s.first <= k.last AND s.last >= k.first
            WHERE k.stretches IS NULL GROUP BY s.quarter
            UNION ALL
            SELECT '', currency, array_agg(DISTINCT client), NULL, count(*)
            FROM known WHERE stretches IS NULL AND last >= %s GROUP BY currency
            UNION ALL
            SELECT '', currency, ARRAY[client], stretches, 0 FROM known WHERE stretches IS NOT NULL
            """,
            [
                *(scope.partner.pk, scope.today, scope.today, last, first),
                *([getattr(span, name) for span in spans] for name in Span._fields),
                ahead.year * 12 + ahead.month,
            ],
        )
        for quarter, currency, clients, stretches, value in cursor:
            if quarter:
                paid.of_whole[quarter] = value
            elif stretches is None:
                paid.whole_ahead[currency] = int(value), set(clients)
            else:
                cut = json.loads(stretches) if isinstance(stretches, str) else stretches
                paid.cut.append(Paid(clients[0], currency, _stretches(Decimal(0), None, None, cut)))
    return paid


def _known(scope: Scope) -> QuerySet[DealEarning]:
    """The earnings as known on the scope's day, one a deal."""
    still = Q(known_until=None) | Q(known_until__gt=scope.today)
    return DealEarning.objects.filter(still, partner=scope.partner, known_from__lte=scope.today)


def _within(first: date, last: date) -> Q:
    return Q(first_month__lte=last, last_month__gte=first)


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
    ends_on = term_end(closed_on, terms)
    stretches = _stretches(mrr, first, last, cut)
    return Earning(
        client, deal_id, line, currency, mrr, closed_on, ends_on, cancelled_on, cut is not None, gone_on, stretches
    )


def _stretches(
    mrr: Decimal, first: date | None, last: date | None, cut: list[tuple[str, str, str]] | None
) -> tuple[Stretch, ...]:
    if cut is not None:
        return tuple(Stretch(date.fromisoformat(a), date.fromisoformat(b), Fraction(left)) for a, b, left in cut)
    return () if first is None or last is None else (Stretch(first, last, Fraction(mrr)),)


class KnownEarning(NamedTuple):
    """An earning as known on the days from one on, up to another."""

    #: The deal's primary key.
    deal: int
    known_from: date
    #: The first day on which more is known; None when nothing is.
    known_until: date | None
    earning: Earning


def cut_earnings(scope: Scope, deals: Mapping[int, int], through: date) -> Iterator[KnownEarning]:
    """Derive what deals from which something was taken earn, as known on every day, from the facts up to a day.

    deals: primary keys of their clients by their own, of won and sourced sales closed by the day. Three queries.
    """
    terms = rulebook(scope).commission
    until = add_months(through, max(terms.months, AHEAD_MONTHS) + 3)
    for loaded in load_sold(scope, set(deals.values())) if deals else ():
        known = loaded.facts
        lines = {deal.product_line for deal in known.deals if loaded.deals[deal.deal_id] in deals}
        closed = [
            deal
            for deal in known.deals
            if deal.closed_on is not None and deal.closed_on <= through and deal.product_line in lines
        ]
        for life in deal_lives(ClientFacts(known.country, closed, (), known.cancellations), rulebook(scope), until):
            pk = loaded.deals[life.deal.deal_id]
            for known_from, known_until, version in known_lives(life) if pk in deals else ():
                if earns := earning(loaded.client_pk, version, terms):
                    yield KnownEarning(pk, known_from, known_until, earns)
