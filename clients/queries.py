"""Reads the facts: retention, certifications, tool usage, and the two 12-month money figures."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.db.models import Q, QuerySet, Sum

from accounts.scope import Scope
from clients.models import Certification, Deal, RetentionMonth
from clients.rules import (
    MONEY_MONTHS,
    CertificationFact,
    Certifications,
    DealSum,
    MonthSums,
    MrrHistory,
    SharedSelling,
)
from partner_portal.lib.caching import remembered
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import Period
from program.queries import revision, rulebook
from program.rulebook import Rulebook
from program.terms import SALES, Origin, Stage


def mrr_history(scope: Scope) -> MrrHistory:
    """Retention of every month that can be compared."""
    months: dict[date, MonthSums] = {}
    for row in RetentionMonth.objects.filter(partner=scope.partner).order_by("month", "currency"):
        sums = months.setdefault(row.month, MonthSums({}, {}, {}))
        switched = tuple((Decimal(was), row.currency, Decimal(now), into) for was, now, into in row.switched)
        months[row.month] = MonthSums(
            {**sums.start, row.currency: row.start},
            {**sums.churned, row.currency: row.churned},
            {**sums.kept, row.currency: row.kept},
            sums.switched + switched,
        )
    return MrrHistory(months, rulebook(scope))


def certifications(scope: Scope) -> Certifications:
    """Every certification of the partner's people."""
    rows = Certification.objects.filter(partner=scope.partner)
    return Certifications(
        CertificationFact(*row) for row in rows.values_list("person", "certification", "earned_on", "expires_on")
    )


def sold_in_12_months(scope: Scope, day: date, origins: Iterable[Origin]) -> Fraction:
    """Points-dollars, exact, of won sales of these origins in the 12 months that end on `day`, as sold (points.md 6)."""
    rules = rulebook(scope)
    deals = Deal.objects.filter(
        partner=scope.partner,
        stage=Stage.WON,
        kind__in=SALES,
        origin__in=tuple(origins),
        closed_on__gt=add_months(day, -MONEY_MONTHS),
        closed_on__lte=day,
    )
    return points_dollars_of(deals, rules, "closed_on")


def points_dollars_of(deals: QuerySet[Deal], rules: Rulebook, dated: str) -> Fraction:
    """Points-dollars, exact, of the deals' MRR by the currency table of each deal's day `dated`. One query."""
    starts = [table.start for table in rules.currency_tables]
    sums = {}
    for index, start in enumerate(starts):
        in_force = Q(**{f"{dated}__gte": start}) if index else Q()
        if index + 1 < len(starts):
            in_force &= Q(**{f"{dated}__lt": starts[index + 1]})
        sums[f"table_{index}"] = Sum("mrr", filter=in_force)
    total = Fraction(0)
    for row in deals.order_by().values("currency").annotate(**sums):
        for index, start in enumerate(starts):
            amount = row[f"table_{index}"]  # type: ignore[literal-required]
            if amount:
                total += rules.points_dollars(amount, row["currency"], start)
    return total


def shared_deals(scope: Scope, which: str, period: Period) -> QuerySet[Deal]:
    """Registered deals `created` in the period, sourced and `in_flight` at its end, or `won` in it (points.md 3)."""
    registered = Deal.objects.filter(partner=scope.partner, registered=True)
    if which == "created":
        return registered.filter(created_on__range=(period.first, period.last))
    if which == "won":
        return registered.filter(stage=Stage.WON, closed_on__range=(period.first, period.last))
    if which == "in_flight":
        not_closed = Q(stage=Stage.OPEN) | Q(closed_on__gt=period.last)
        return registered.filter(not_closed, origin=Origin.SOURCED, created_on__lte=period.last)
    raise ValueError(f"no shared deals are called {which}")


def shared_selling_of(scope: Scope, period: Period) -> SharedSelling:
    """Number and MRR (points-dollars, exact) of the three kinds of shared deals. Six queries, or none."""
    key = ("shared-selling", period.first, period.last)
    return remembered(scope, key, lambda: _shared_selling_of(scope, period), revision=revision(scope))


def _shared_selling_of(scope: Scope, period: Period) -> SharedSelling:
    rules = rulebook(scope)
    in_flight = shared_deals(scope, "in_flight", period)
    by_currency = in_flight.order_by().values_list("currency").annotate(Sum("mrr"))
    flying = sum((rules.points_dollars(amount, code, period.last) for code, amount in by_currency), Fraction(0))
    created, won = (shared_deals(scope, which, period) for which in ("created", "won"))
    return SharedSelling(
        created=DealSum(created.count(), points_dollars_of(created, rules, "created_on")),
        in_flight=DealSum(in_flight.count(), flying),
        won=DealSum(won.count(), points_dollars_of(won, rules, "closed_on")),
    )
