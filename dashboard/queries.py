"""Queries of the front page beyond the figures of the ledger and the tiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.db.models import Count, Max, Min, Sum

from accounts.scope import Scope
from calculator.formula import Market, amount_of_managed, amount_of_sold
from ledger.queries import ZERO, entries_in, history_starts, open_lots
from partner_portal.lib.dates.periods import DAY, Period
from partner_portal.lib.dates.ranges import ChosenPeriod, chosen_period
from program.periods import programme_periods
from program.queries import rulebook
from program.terms import Direction, Metric, Origin, Side, Track

CHANGES_PREFIX = "changes_"


@dataclass(frozen=True, slots=True)
class Expiring:
    """What expires up to a day."""

    points: Decimal
    #: The number of clients that the points come from.
    clients: int


@dataclass(frozen=True, slots=True)
class Worth:
    """The MRR that brings a number of points in a standard market today, by track."""

    #: US dollars, exact.
    amounts: Mapping[Track, Fraction]
    #: Points per unit of MRR.
    rates: Mapping[Track, Decimal]
    #: What points are multiplied by in a growth market; 1 without any.
    growth_factor: Decimal


def changes_period(scope: Scope, query: Mapping[str, str]) -> ChosenPeriod:
    """The range of the tier point changes that a URL requests."""
    programme = programme_periods(rulebook(scope), scope.today)
    return chosen_period(query, prefix=CHANGES_PREFIX, today=scope.today, programme=programme)


def review_days(scope: Scope, first: date, last: date) -> Sequence[date]:
    """The reviews from `first` to `last`, both included."""
    return [review.on for review in rulebook(scope).reviews_between(first, last)]


def expiring_until(scope: Scope, day: date) -> Expiring:
    """What is left today of the lots that expire up to `day`, that day included."""
    lots = open_lots(scope, scope.today).filter(expires_on__lte=day)
    sums = lots.aggregate(points=Sum("left"), clients=Count("client", distinct=True))
    return Expiring(sums["points"] or ZERO, sums["clients"])


def worth_of(scope: Scope, metric: Metric, points: Decimal) -> Worth | None:
    """The MRR that brings these points of a tier metric; None for a metric that does not count points."""
    book = rulebook(scope)
    market = Market("USD", growth=False, on=scope.today)
    amounts: dict[Track, Fraction] = {}
    rates: dict[Track, Decimal] = {}
    for track in metric.tracks:
        origin = Origin(track) if track.is_sold else None
        amount = amount_of_sold(book, market, points, origin) if origin else amount_of_managed(book, market, points)
        if amount is not None:
            amounts[track] = amount
            rates[track] = book.rate(origin, scope.today) if origin else book.managed_rate
    return Worth(amounts, rates, book.market_factor(True, scope.today)) if amounts else None


def nearest_changes(scope: Scope, side: Side, direction: Direction, period: Period) -> Period | None:
    """The range of the same length nearest to `period` that has such entries: the last one before it, else the first after.

    None when there are none at all.
    """
    starts = history_starts(scope)
    if starts is None:
        return None

    def days(first: date, last: date) -> Mapping[str, date | None]:
        if last < first:
            return {"first": None, "last": None}
        entries = entries_in(scope, Period(first, last)).filter(track__in=side.tracks, cause__in=direction.causes)
        return entries.aggregate(first=Min("on"), last=Max("on"))

    span = (period.days - 1) * DAY
    before = days(starts, period.day_before)["last"]
    if before is not None:
        return Period(before - span, before)
    after = days(period.last + DAY, scope.today)["first"]
    return None if after is None else Period(after, after + span)
