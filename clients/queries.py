"""Queries over the facts: retention, certifications, the 12-month source dollar, and shared selling."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from django.db.models import Count, Q, QuerySet, Sum

from accounts.scope import Scope
from clients.models import Certification, Client, Deal, Fact, RetentionMonth
from clients.rules import (
    MONEY_MONTHS,
    CertificationFact,
    Certifications,
    DealSum,
    MonthSums,
    MrrHistory,
    SharedSelling,
)
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.search import SearchText
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import Rulebook
from program.terms import SALES, Origin, Stage

MOST_MATCHES = 25  # clients, or deals, that a search goes on with


def matching_clients(scope: Scope, wanted: SearchText, most: int = MOST_MATCHES) -> list[Client]:
    """The clients that a search for a name, an id or a domain finds, best first. Read once per scope."""

    def found() -> list[Client]:
        rows = Client.objects.filter(partner=scope.partner)
        return list(wanted.filter(rows, "name", "client_id", "domain")[:MOST_MATCHES])

    return scope.once(("matching-clients", wanted.key), found)[:most]


def matching_deals(scope: Scope, wanted: SearchText, most: int = MOST_MATCHES) -> list[Deal]:
    """The deals that a search for a name or an id finds, with their clients, best first. Read once per scope."""

    def found() -> list[Deal]:
        deals = Deal.objects.filter(partner=scope.partner)
        best = wanted.filter(deals, "name", "deal_id").values("pk")[:MOST_MATCHES]
        rows = deals.filter(pk__in=best).select_related("client")
        return list(wanted.best_first(rows, "name", "deal_id"))

    return scope.once(("matching-deals", wanted.key), found)[:most]


def stored_rows(kind: FactKind, scope: Scope, **conditions: object) -> QuerySet[Any]:
    """Rows of a kind that meet the conditions, withdrawn ones included."""
    return cast(type[Fact], kind.model).with_withdrawn.filter(partner=scope.partner, **conditions)


def mrr_history(scope: Scope) -> MrrHistory:
    """Retention of every month that can be compared with the one before (points.md 5). Read once per scope."""
    return scope.once("mrr-history", lambda: _mrr_history(scope))


def _mrr_history(scope: Scope) -> MrrHistory:
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
    """Every certification of the partner's people. Read once per scope."""
    rows = Certification.objects.filter(partner=scope.partner).values_list(
        "person", "certification", "earned_on", "expires_on"
    )
    return scope.once("certifications", lambda: Certifications(CertificationFact(*row) for row in rows))


def sold_in_12_months(scope: Scope, day: date, origins: Iterable[Origin]) -> Fraction:
    """MRR of won sales of these origins in the 12 months that end on `day`, as sold, in exact points-dollars (points.md 6)."""
    deals = Deal.objects.filter(
        partner=scope.partner,
        stage=Stage.WON,
        kind__in=SALES,
        origin__in=tuple(origins),
        closed_on__gt=add_months(day, -MONEY_MONTHS),
        closed_on__lte=day,
    )
    rules = rulebook(scope)
    sums = _sums_by_table(rules, "sold", "closed_on")
    rows = deals.order_by().values("currency").annotate(**sums)
    return sum((_points_dollars(rules, row, "sold") for row in rows), Fraction(0))


def _sums_by_table(rules: Rulebook, name: str, dated: str, condition: Q | None = None) -> dict[str, Sum]:
    """Aggregates of MRR, one per currency table: the deals of which that table was in force on the day in field `dated`.

    condition: which deals count; None counts all.
    """
    starts = [table.start for table in rules.currency_tables]
    sums = {}
    for index, start in enumerate(starts):
        in_force = condition or Q()
        if index:
            in_force &= Q(**{f"{dated}__gte": start})
        if index + 1 < len(starts):
            in_force &= Q(**{f"{dated}__lt": starts[index + 1]})
        sums[f"{name}_{index}"] = Sum("mrr", filter=in_force)
    return sums


def _points_dollars(rules: Rulebook, row: Mapping[str, Any], name: str) -> Fraction:
    """The sums that `_sums_by_table` made of one currency, in exact points-dollars."""
    total = Fraction(0)
    for index, table in enumerate(rules.currency_tables):
        if amount := row[f"{name}_{index}"]:
            total += rules.points_dollars(amount, row["currency"], table.start)
    return total


def shared_deals(scope: Scope, which: str, period: Period) -> QuerySet[Deal]:
    """Registered deals `created` in the period, sourced and `in_flight` at its end, or `won` in it (points.md 3).

    Raises ValueError for any other name.
    """
    return Deal.objects.filter(_shared(which, period), partner=scope.partner, registered=True)


def _shared(which: str, period: Period) -> Q:
    if which == "created":
        return Q(created_on__range=(period.first, period.last))
    if which == "won":
        return Q(stage=Stage.WON, closed_on__range=(period.first, period.last))
    if which == "in_flight":
        not_closed = Q(stage=Stage.OPEN) | Q(closed_on__gt=period.last)
        return Q(not_closed, origin=Origin.SOURCED, created_on__lte=period.last)
    raise ValueError(f"no shared deals are called {which}")


@cached_by_generation("shared-selling")
def shared_selling_of(scope: Scope, period: Period) -> SharedSelling:
    """Number and MRR (exact points-dollars) of the three kinds of shared deals (points.md 3). At most one query."""
    rules = rulebook(scope)
    created, in_flight, won = (_shared(which, period) for which in ("created", "in_flight", "won"))
    deals = Deal.objects.filter(created | in_flight | won, partner=scope.partner, registered=True)
    rows: Any = list(  # names of columns are built, which django-stubs cannot follow
        deals.order_by()
        .values("currency")
        .annotate(
            count_created=Count("pk", filter=created),
            count_in_flight=Count("pk", filter=in_flight),
            count_won=Count("pk", filter=won),
            in_flight=Sum("mrr", filter=in_flight),
            **_sums_by_table(rules, "created", "created_on", created),
            **_sums_by_table(rules, "won", "closed_on", won),
        )
    )

    def count(which: str) -> int:
        return sum(row[f"count_{which}"] for row in rows)

    def dollars(which: str) -> Fraction:
        return sum((_points_dollars(rules, row, which) for row in rows), Fraction(0))

    in_flight_usd = sum(
        (rules.points_dollars(row["in_flight"], row["currency"], period.last) for row in rows if row["in_flight"]),
        Fraction(0),
    )
    return SharedSelling(
        created=DealSum(count("created"), dollars("created")),
        in_flight=DealSum(count("in_flight"), in_flight_usd),
        won=DealSum(count("won"), dollars("won")),
    )
