"""Queries over shared deals as a pipeline: their value in points-dollars, months compared, and deals that are stuck."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, TypedDict, cast

from django.db.models import (
    Aggregate,
    Case,
    Count,
    DateField,
    DecimalField,
    DurationField,
    Expression,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
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
from partner_portal.formats.days import day_text
from partner_portal.lib.dates.months import add_months, month_end, month_start, months_between
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import Rulebook
from program.terms import Stage

EXACT = DecimalField(max_digits=80, decimal_places=40)
TREND_MONTHS = 12
STALLED_AT_LEAST = 30  # days: younger deals are never called stalled
STALLED_WITHOUT_HISTORY = 90  # days, while fewer than ENOUGH_WON deals were won in the last 12 months
ENOUGH_WON = 5
NAMED = 5  # stuck deals that a panel names; it links to the others


class MedianDays(Aggregate):
    """The median of whole days; None without rows."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)%(filter)s"
    output_field = FloatField()


class _InPointsDollars(Func):
    """An amount in points-dollars by one currency table. Far less to put together than a condition for every currency."""

    output_field = EXACT

    def __init__(self, amount: F | str, currency: F | str, unit: Decimal, amounts: Mapping[str, Decimal]) -> None:
        super().__init__(amount, currency)
        self.extra |= {"unit": Decimal(unit), "amounts": tuple(amounts.items())}

    def as_sql(self, compiler: Any, _connection: Any, **_extra: Any) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override] # decimals
        """The amount times the unit, divided by what counts as one unit in its currency."""
        (amount, of_amount), (code, of_code) = (compiler.compile(source) for source in self.source_expressions)
        per_unit = self.extra["amounts"]
        whens = " ".join(["WHEN %s THEN %s"] * len(per_unit))
        parameters = [value for pair in per_unit for value in pair]
        sql = f"(({amount})::numeric({EXACT.max_digits}, {EXACT.decimal_places}) * %s / CASE {code} {whens} END)"
        return sql, (*of_amount, self.extra["unit"], *of_code, *parameters)


def points_dollars(
    rules: Rulebook, amount: str, currency: str, *, field: str = "", on: date | None = None
) -> Expression:
    """Expression for the field `amount` in points-dollars, to 40 places.

    By the currency table in force on the day `on`, or else on each row's day in `field`. A currency that the table has no
    amount for gives NULL; the import accepts none.
    """
    tables = (rules.currency_table(on),) if on is not None else rules.currency_tables
    if len(tables) == 1:
        return _InPointsDollars(amount, currency, rules.unit_usd, tables[0].amounts)
    whens = []
    for index, table in enumerate(tables):
        in_force = Q(**{f"{field}__gte": table.start}) if index else Q()
        if index + 1 < len(tables):
            in_force &= Q(**{f"{field}__lt": tables[index + 1].start})
        whens.append(When(in_force, then=_InPointsDollars(amount, currency, rules.unit_usd, table.amounts)))
    return Case(*whens, output_field=EXACT)


def shared_dollars(scope: Scope, which: str, last: date) -> Expression:
    """Expression for the MRR of a shared deal in points-dollars (points.md 12).

    By the currency table of the deal's creation (`created`), of `last` (`in_flight`), or of its close (`won`).
    """
    rules = rulebook(scope)
    if which == "in_flight":
        return points_dollars(rules, "mrr", "currency", on=last)
    return points_dollars(rules, "mrr", "currency", field="created_on" if which == "created" else "closed_on")


def valued_by(scope: Scope, first: date, last: date) -> str:
    """Sentence that names the currency tables by which amounts of the days from `first` to `last` are converted."""
    rules = rulebook(scope)
    table = rules.currency_table(last)
    values = {"start": day_text(table.start)}
    if table is rules.currency_table(first):
        return _("Points-dollars by the currency table of %(start)s") % values
    return _("Points-dollars by the currency table in force on each day, the last of %(start)s") % values


def _days(later: F | Value, earlier: F | Value) -> Extract:
    span = ExpressionWrapper(Cast(later, DateField()) - Cast(earlier, DateField()), output_field=DurationField())
    return Extract(span, "day")


@dataclass(frozen=True, slots=True)
class PipelineMonth:
    """Registered deals created, won and lost in a month."""

    month: date  #: its first day
    created: int
    won: int
    lost: int
    days_to_close: float | None  #: median of the won deals; None without any
    partial: bool  #: whether the month is not over

    @property
    def win_rate(self) -> Decimal | None:
        """The part of the closed deals that was won; None when none closed."""
        closed = self.won + self.lost
        return Decimal(self.won) / closed if closed else None


class _MonthSums(TypedDict):
    """One row of `_sums`."""

    what: Literal["created", "closed", "won"]
    month: date | None  #: its first day; None for `won`
    count: int
    won: int
    lost: int
    days: float | None  #: median days from creation to close of the won deals


@cached_by_generation("pipeline-sums")
def _sums(scope: Scope) -> list[_MonthSums]:
    """Registered deals `created` and `closed` by month of the trend, and those `won` in the last 12 months. At most one query."""
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
    won_lately = (
        registered.filter(won, closed_on__gt=add_months(scope.today, -TREND_MONTHS), closed_on__lte=scope.today)
        .values(what=Value("won"), month=Value(None, DateField()))
        .annotate(count=Count("pk"), won=Count("pk"), lost=Value(0), days=days)
    )
    return cast(list[_MonthSums], list(created.union(closed, won_lately, all=True)))


@cached_by_generation("pipeline")
def pipeline(scope: Scope) -> list[PipelineMonth]:
    """The last twelve months and this one, in order. At most one query."""
    first, last = add_months(month_start(scope.today), -TREND_MONTHS), scope.today
    rows = _sums(scope)
    created = {row["month"]: row["count"] for row in rows if row["what"] == "created"}
    closed = {row["month"]: (row["won"], row["lost"], row["days"]) for row in rows if row["what"] == "closed"}
    return [
        PipelineMonth(
            month, created.get(month, 0), *closed.get(month, (0, 0, None)), partial=month_end(month) > scope.today
        )
        for month in months_between(first, last)
    ]


@dataclass(frozen=True, slots=True)
class StuckDeal:
    """An open registered deal that is stalled or past its expected close."""

    deal_id: str
    name: str
    client_id: str
    client: str
    days_open: int  #: since it was created
    days_past: int | None  #: since its expected close; None when that is ahead or unknown


@dataclass(frozen=True, slots=True)
class Stuck:
    """Open registered deals that are stalled or past their expected close."""

    stalled: int
    past_close: int
    count: int  #: deals that are either
    first: tuple[StuckDeal, ...]  #: the first few: longest past their expected close first, then longest open
    stalled_after: int  #: days open after which a deal is stalled
    median: float | None  #: days to close that `stalled_after` is twice of; None when too few deals were won


@cached_by_generation("stalled-after")
def stalled_after(scope: Scope) -> tuple[int, float | None]:
    """Days open after which a deal is stalled, and the median behind it, as in `Stuck`.

    Twice the median days to close of the deals won in the last 12 months, at least 30.
    """
    won = next((row for row in _sums(scope) if row["what"] == "won"), None)
    if won is None or won["days"] is None or won["count"] < ENOUGH_WON:
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
    """Open registered deals that are `stalled` or past their expected close (`past_close`); either for any other `why`."""
    conditions = {"stalled": _stalled(scope), "past_close": _past_close(scope)}
    return (
        open_shared_deals(scope)
        .filter(conditions.get(why, conditions["stalled"] | conditions["past_close"]))
        .annotate(
            days_open=_days(Value(scope.today, DateField()), F("created_on")),
            days_past=Case(
                When(_past_close(scope), then=_days(Value(scope.today, DateField()), F("closed_on"))), default=None
            ),
        )
    )


@cached_by_generation("stuck-deals")
def stuck(scope: Scope) -> Stuck:
    """How many deals are stuck, and the first few. At most two queries."""
    after, median = stalled_after(scope)
    rows = list(
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
        )[:NAMED]
    )
    first = tuple(
        StuckDeal(
            row["deal_id"], row["name"], row["client__client_id"], row["client__name"],
            int(row["days_open"]), None if row["days_past"] is None else int(row["days_past"]),
        )
        for row in rows
    )  # fmt: skip
    stalled, past, count = (rows[0][name] if rows else 0 for name in ("all_stalled", "all_past", "all_stuck"))
    return Stuck(stalled, past, count, first, after, median)
