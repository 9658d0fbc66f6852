"""Reads points and tiers over time: the past, and 12 months ahead if nothing else happens (docs/points.md 7, 10)."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth

from accounts.scope import Scope
from ledger.queries import ZERO, MonthLoss, expiry_forecast, open_lots
from ledger.series import PointTotals
from partner_portal.lib.dates.months import add_months, month_end, month_start, months_between
from partner_portal.lib.dates.periods import DAY, Period
from partner_portal.lib.shown_places import adding_places
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import Rulebook
from program.terms import Metric, ReviewResult
from tiers import rules
from tiers.measures import outlook_measures
from tiers.models import TierChange
from tiers.queries import credited_on, history, invitations
from tiers.reasons import Reason
from tiers.rules import Change, PortfolioMeasures

MONTHS_AHEAD = 12


@dataclass(frozen=True, slots=True)
class Level:
    """The points and tiers at the end of a day. Tiers are names, None is untiered."""

    day: date
    points: PointTotals
    performance: str | None
    credited: str | None
    #: Whether the day is still to come, and all of this expected if nothing else happens.
    ahead: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a tier requires of a metric while a rule set is in force, announced ones included."""

    tier: str
    metric: Metric
    value: Decimal
    #: The first and the last day that are shown, both included.
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class ReviewMark:
    """A review in the chart."""

    on: date
    #: The tier credited after it; None: untiered.
    tier: str | None
    #: None when the partner was untiered, so that there was nothing to review.
    reason: Reason | None
    #: Whether it is still to come.
    ahead: bool


@dataclass(frozen=True, slots=True)
class OverTime:
    """The series of a period, with 12 more months if it reaches the day that the page shows."""

    #: The day that the page shows.
    day: date
    #: The past part.
    period: Period
    #: The last day: 12 months after `day` if the period reaches it, otherwise the end of the period.
    until: date
    #: `month` or `day`.
    step: str
    #: A level per step, oldest first.
    levels: tuple[Level, ...]
    thresholds: tuple[Threshold, ...]
    reviews: tuple[ReviewMark, ...]
    #: The credited tier: since which day, which (None: untiered), and whether that day is still to come.
    changes: tuple[tuple[date, str | None, bool], ...]
    #: The points after each day to come on which they change.
    drops: tuple[tuple[date, PointTotals], ...]

    @property
    def past(self) -> tuple[Level, ...]:
        """Levels up to the day."""
        return tuple(level for level in self.levels if not level.ahead)

    @property
    def ahead(self) -> tuple[Level, ...]:
        """Expected levels."""
        return tuple(level for level in self.levels if level.ahead)

    @property
    def peak(self) -> Level:
        """The level with the most points in the past part."""
        return max(self.past, key=lambda level: level.points.total)

    @property
    def now(self) -> Level:
        """The last level of the past part."""
        return self.past[-1]

    @property
    def end(self) -> Level | None:
        """The last expected level; None when the series has only a past part."""
        return self.levels[-1] if self.levels[-1].ahead else None

    @property
    def next_drop(self) -> Level | None:
        """The first expected level with another performance tier than `now`; None when there is none."""
        return next((level for level in self.ahead if level.performance != self.now.performance), None)


@dataclass(frozen=True)
class ExpiryRow:
    """A row of the expiry calendar: when the points of a client expire."""

    client_id: str
    name: str
    #: Every month of the calendar with the points that expire in it.
    cells: tuple[tuple[date, Decimal], ...]
    #: All points of the client that will expire.
    total: Decimal

    @cached_property
    def places(self) -> int:
        """The decimals with which the months add up to the total."""
        return adding_places(self.total, [points for _month, points in self.cells])


@dataclass(frozen=True, slots=True)
class ExpiryCalendar:
    """A page of the expiry calendar: points that expire, by month and client."""

    day: date
    #: The 13 months of the forecast, with the losses of all clients.
    months: tuple[MonthLoss, ...]
    #: The day of the review by the first day of its month.
    reviews: dict[date, date]
    #: The clients of this page, most points first.
    rows: tuple[ExpiryRow, ...]
    #: The number of clients of all pages.
    clients: int
    #: The points of all clients.
    total: Decimal


@cached_by_generation("over-time")
def over_time(scope: Scope, day: date, period: Period, step: str) -> OverTime:
    """The series of `period`, cut at `day`, with 12 more months if it reaches `day`. A constant number of queries.

    step: `month` or `day`.
    """
    book = rulebook(scope)
    period = Period(min(period.first, day), min(period.last, day))
    until = add_months(day, MONTHS_AHEAD) if period.last == day else period.last
    measures = outlook_measures(scope, day)
    rows = history(scope, day)
    walk = rules.CreditedTier(measures, book, invitations(scope, day))
    coming = walk.after(credited_on(rows), day + DAY, until) if until > day else ()
    changes = _changes(rows, coming)
    levels = tuple(_levels(measures, book, changes, _days(period, until, step), day))
    return OverTime(
        day=day,
        period=period,
        until=until,
        step=step,
        levels=levels,
        thresholds=tuple(_thresholds(book, period.first, until)),
        reviews=tuple(_reviews(book, rows, coming, changes, Period(period.first, until), day)),
        changes=tuple(change for change in changes if change[0] <= until),
        drops=tuple(_drops(measures, day, until)),
    )


@cached_by_generation("expiry-calendar")
def expiry_calendar(scope: Scope, day: date, *, first: int = 0, count: int = 25) -> ExpiryCalendar:
    """The page of the expiry calendar with `count` clients from number `first` on. Five queries, or none."""
    lots = open_lots(scope, day)
    months = expiry_forecast(scope, day)
    sums = lots.order_by().values("client_id", "client__client_id", "client__name").annotate(points=Sum("left"))
    shown = list(sums.order_by("-points", "client__client_id")[first : first + count])
    cells: dict[tuple[int, date], Decimal] = {}
    by_month = (
        lots.filter(client_id__in=[row["client_id"] for row in shown])
        .order_by()
        .values("client_id", month=TruncMonth("expires_on"))
        .annotate(points=Sum("left"))
    )
    for row in by_month:
        cells[row["client_id"], row["month"]] = row["points"]
    totals = lots.aggregate(clients=Count("client", distinct=True), points=Sum("left"))
    ends = months[-1].month
    return ExpiryCalendar(
        day,
        tuple(months),
        {month_start(review.on): review.on for review in rulebook(scope).reviews_between(day + DAY, month_end(ends))},
        tuple(
            ExpiryRow(
                row["client__client_id"],
                row["client__name"],
                tuple((month.month, cells.get((row["client_id"], month.month), ZERO)) for month in months),
                row["points"],
            )
            for row in shown
        ),
        totals["clients"],
        totals["points"] or ZERO,
    )


def _days(period: Period, until: date, step: str) -> list[date]:
    if step == "day":
        past = [period.first + DAY * number for number in range(period.days)]
    else:
        ends = [month_end(month) for month in months_between(period.first, period.last)]
        past = [end for end in ends if end < period.last]
        past = [period.first, *(end for end in past if end > period.first)]
        if period.last > past[-1]:
            past.append(period.last)
    if until <= period.last:
        return past
    ahead = [month_end(month) for month in months_between(period.last, until)]
    return [*past, *(end for end in ahead if period.last < end < until), until]


def _levels(
    measures: PortfolioMeasures,
    book: Rulebook,
    changes: Sequence[tuple[date, str | None, bool]],
    days: Sequence[date],
    today: date,
) -> Iterator[Level]:
    starts = [on for on, _tier, _ahead in changes]
    for day in days:
        place = bisect_right(starts, day)
        credited = changes[place - 1][1] if place else None
        yield Level(day, measures.points.figures(day), rules.performance(measures, book, day), credited, day > today)


def _changes(rows: Sequence[TierChange], coming: Sequence[Change]) -> list[tuple[date, str | None, bool]]:
    past = [(row.on, row.after or None, False) for row in rows if row.kind != ReviewResult.KEPT]
    return past + [(row.on, row.after, True) for row in coming if row.before != row.after]


def _thresholds(book: Rulebook, first: date, last: date) -> Iterator[Threshold]:
    for place, rule_set in enumerate(book.rule_sets):
        later = book.rule_sets[place + 1].start - DAY if place + 1 < len(book.rule_sets) else last
        start, end = max(first, rule_set.start), min(last, later)
        if start > end:
            continue
        for tier in rule_set.tiers:
            for need in tier.requirements:
                yield Threshold(tier.name, need.metric, need.value, start, end)


def _reviews(
    book: Rulebook,
    rows: Sequence[TierChange],
    coming: Sequence[Change],
    changes: Sequence[tuple[date, str | None, bool]],
    span: Period,
    today: date,
) -> Iterator[ReviewMark]:
    reasons = {row.on: row.why for row in rows if row.kind != ReviewResult.RISE}
    reasons |= {row.on: row.reason for row in coming if row.kind != ReviewResult.RISE}
    for review in book.reviews_between(span.first, span.last):
        held = [tier for on, tier, _ahead in changes if on <= review.on]
        yield ReviewMark(review.on, held[-1] if held else None, reasons.get(review.on), review.on > today)


def _drops(measures: PortfolioMeasures, day: date, until: date) -> Iterator[tuple[date, PointTotals]]:
    days = {on for track in measures.points.days.values() for on in track if day < on <= until}
    for on in sorted(days):
        yield on, measures.points.figures(on)
