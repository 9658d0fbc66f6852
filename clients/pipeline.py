"""Reads shared deals as a pipeline: what each is worth, what is stuck, and how months compare."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    Aggregate,
    Case,
    Count,
    DateField,
    DecimalField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)  # fmt: skip
from django.db.models.functions import Cast, Extract, TruncMonth
from django.utils.translation import gettext as _

from accounts.scope import Scope
from clients.models import Deal
from partner_portal.lib.dates.months import add_months, month_end, month_start, months_between
from partner_portal.lib.sentences import day_text
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import Rulebook
from program.terms import Stage

EXACT = DecimalField(max_digits=80, decimal_places=40)
TREND_MONTHS = 12
STALLED_AT_LEAST = 30  # days: younger deals are never called stalled
STALLED_WITHOUT_HISTORY = 90  # days, while too few deals were ever won to compare with
ENOUGH_WON = 5
NAMED = 5  # stuck deals of a panel; the others are a link away


class MedianDays(Aggregate):
    """The median of whole days; None without rows."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)%(filter)s"
    output_field = FloatField()


def points_dollars(rules: Rulebook, amount: str, currency: str, *, field: str = "", on: date | None = None) -> Case:
    """`amount` in points-dollars as an expression, to 40 places: by the table in force on each row's day `field`, or `on`.

    A currency without a fixed amount gives NULL; the import lets none in.
    """
    whens = []
    tables = rules.currency_tables
    for index, table in enumerate(tables):
        if on is not None:
            if table is not rules.currency_table(on):
                continue
            in_force = Q()
        else:
            in_force = Q(**{f"{field}__gte": table.start}) if index else Q()
            if index + 1 < len(tables):
                in_force &= Q(**{f"{field}__lt": tables[index + 1].start})
        for code, per_unit in table.amounts.items():
            value = Cast(F(amount), EXACT) * Value(Decimal(rules.unit_usd), EXACT) / Value(Decimal(per_unit), EXACT)
            whens.append(When(in_force & Q(**{currency: code}), then=ExpressionWrapper(value, output_field=EXACT)))
    return Case(*whens, output_field=EXACT)


def shared_dollars(scope: Scope, which: str, last: date) -> Case:
    """What a shared deal counts for (points.md 12): by the table of its creation, of the range's last day, or of its close."""
    rules = rulebook(scope)
    if which == "in_flight":
        return points_dollars(rules, "mrr", "currency", on=last)
    return points_dollars(rules, "mrr", "currency", field="created_on" if which == "created" else "closed_on")


def valued_by(scope: Scope, first: date, last: date) -> str:
    """Which currency table makes amounts of the days from `first` to `last` points-dollars, in words."""
    rules = rulebook(scope)
    table = rules.currency_table(last)
    values = {"start": day_text(table.start)}
    if table is rules.currency_table(first):
        return _("Points-dollars by the currency table of %(start)s") % values
    return _("Points-dollars by the currency table in force on each day, the last of %(start)s") % values


def _days(later: Any, earlier: Any) -> Any:
    span = ExpressionWrapper(Cast(later, DateField()) - Cast(earlier, DateField()), output_field=DurationField())
    return Extract(span, "day")


@dataclass(frozen=True, slots=True)
class PipelineMonth:
    """A month of the pipeline of registered deals: created, won and lost in it. win_rate: won of those closed in it, None
    without any; days_to_close: the median of the won ones. partial: the month is not over."""

    month: date
    created: int
    won: int
    lost: int
    days_to_close: Decimal | None
    partial: bool

    @property
    def win_rate(self) -> Decimal | None:
        """Won of those that closed."""
        closed = self.won + self.lost
        return Decimal(self.won) / closed if closed else None


@cached_by_generation("pipeline-sums")
def _sums(scope: Scope) -> list[dict[str, Any]]:
    """Registered deals `created` and `closed` by month since the first month of the trend, and `won` in the last 12 months.
    One query, or none."""
    since = (add_months(month_start(scope.today), -TREND_MONTHS), scope.today)
    registered = Deal.objects.filter(partner=scope.partner, registered=True).order_by()
    won = Q(stage=Stage.WON)
    days = MedianDays(_days(F("closed_on"), F("created_on")), filter=won)
    none = Value(None, FloatField())
    created = (
        registered.filter(created_on__range=since)
        .values(what=Value("created"), month=TruncMonth("created_on"))
        .annotate(count=Count("pk"), won=Value(0), lost=Value(0), days=none)
    )
    closed = (
        registered.filter(closed_on__range=since)
        .exclude(stage=Stage.OPEN)
        .values(what=Value("closed"), month=TruncMonth("closed_on"))
        .annotate(
            count=Count("pk"), won=Count("pk", filter=won), lost=Count("pk", filter=Q(stage=Stage.LOST)), days=days
        )
    )
    lately = (
        registered.filter(won, closed_on__gt=add_months(scope.today, -TREND_MONTHS), closed_on__lte=scope.today)
        .values(what=Value("won"), month=Value(None, DateField()))
        .annotate(count=Count("pk"), won=Count("pk"), lost=Value(0), days=days)
    )
    rows: Any = created.union(closed, lately, all=True)
    return list(rows)


@cached_by_generation("pipeline")
def pipeline(scope: Scope) -> list[PipelineMonth]:
    """The last twelve months and this one, in order. One query, or none."""
    first, last = add_months(month_start(scope.today), -TREND_MONTHS), scope.today
    rows = _sums(scope)
    created = {row["month"]: row["count"] for row in rows if row["what"] == "created"}
    closed = {row["month"]: row for row in rows if row["what"] == "closed"}
    nothing: dict[str, Any] = {"won": 0, "lost": 0, "days": None}
    return [
        PipelineMonth(
            month, created.get(month, 0), row["won"], row["lost"], row["days"], partial=month_end(month) > scope.today
        )
        for month in months_between(first, last)
        for row in [closed.get(month, nothing)]
    ]


@dataclass(frozen=True, slots=True)
class StuckDeal:
    """An open registered deal that needs a look. days_past: days since its expected close, None when that is ahead or unknown."""

    deal_id: str
    name: str
    client_id: str
    client: str
    days_open: int
    days_past: int | None


@dataclass(frozen=True, slots=True)
class Stuck:
    """Open registered deals that need a look. first: the first few by name, longest past their expected close first, then the
    longest open. stalled_after: days open from which one is called stalled, and median: the median days to close it is twice
    of (None: too few deals won to compare with)."""

    stalled: int
    past_close: int
    count: int
    first: tuple[StuckDeal, ...]
    stalled_after: int
    median: Decimal | None


@cached_by_generation("stalled-after")
def stalled_after(scope: Scope) -> tuple[int, Decimal | None]:
    """Days open from which a deal is stalled: twice the median of the deals won in the last 12 months, at least 30."""
    won: dict[str, Any] = next((row for row in _sums(scope) if row["what"] == "won"), {"count": 0})
    if won["count"] < ENOUGH_WON:
        return STALLED_WITHOUT_HISTORY, None
    return max(STALLED_AT_LEAST, int(2 * won["days"])), won["days"]


def _stalled(scope: Scope) -> Q:
    return Q(created_on__lt=scope.today - timedelta(days=stalled_after(scope)[0]))


def _past_close(scope: Scope) -> Q:
    return Q(closed_on__lt=scope.today)


def open_shared_deals(scope: Scope) -> QuerySet[Deal]:
    """Registered deals created by today and still open."""
    return Deal.objects.filter(partner=scope.partner, registered=True, stage=Stage.OPEN, created_on__lte=scope.today)


def stuck_deals(scope: Scope, why: str = "") -> QuerySet[Deal]:
    """Open registered deals that are `stalled`, past their expected close (`past_close`), or either."""
    wanted = {"stalled": _stalled(scope), "past_close": _past_close(scope)}
    found = wanted.get(why, wanted["stalled"] | wanted["past_close"])
    return (
        open_shared_deals(scope)
        .filter(found)
        .annotate(
            days_open=_days(Value(scope.today, DateField()), F("created_on")),
            days_past=Case(
                When(_past_close(scope), then=_days(Value(scope.today, DateField()), F("closed_on"))), default=None
            ),
        )
    )


@cached_by_generation("stuck-deals")
def stuck(scope: Scope) -> Stuck:
    """How many are stuck, and the first few. Two queries, or none."""
    after, median = stalled_after(scope)
    rows: Any = (
        stuck_deals(scope)
        .annotate(
            all_stalled=Window(Count("pk", filter=_stalled(scope))),
            all_past=Window(Count("pk", filter=_past_close(scope))),
            all_stuck=Window(Count("pk")),
        )
        .order_by(F("days_past").desc(nulls_last=True), F("days_open").desc(), "deal_id")
        .values(
            "deal_id",
            "name",
            "client__client_id",
            "client__name",
            "days_open",
            "days_past",
            "all_stalled",
            "all_past",
            "all_stuck",
        )
    )[:NAMED]
    found = list(rows)
    first = tuple(
        StuckDeal(
            row["deal_id"], row["name"], row["client__client_id"], row["client__name"],
            int(row["days_open"]), None if row["days_past"] is None else int(row["days_past"]),
        )
        for row in found
    )  # fmt: skip
    stalled, past, count = (found[0][name] if found else 0 for name in ("all_stalled", "all_past", "all_stuck"))
    return Stuck(stalled, past, count, first, after, median)
