"""The vendor's rules as dated data, and the arithmetic on them: units, rates, factors, rule sets, reviews.

Pure: no Django, no clock. The ledger, the tier rules, the calculator and the commission pages all call these functions,
so that an estimate and a posted entry can never differ. Meaning of every number: `docs/points.md` 2, 3, 7 and 8.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from partner_portal.lib.dates.months import add_months
from partner_portal.lib.rounding import half_even, half_even_ratio
from program.terms import Metric, Origin

POINT_PLACES = 4

_ZERO = Decimal(0)
_ONE = Decimal(1)


class UnknownCurrencyError(ValueError):
    """The currency table in force has no fixed amount for this currency; a market rate is never used instead."""

    def __init__(self, currency: str, table_start: date) -> None:
        super().__init__(f"The currency table of {table_start} has no fixed amount for {currency}.")
        self.currency = currency
        self.table_start = table_start


class Dated(Protocol):
    """A row of the rules in force from a day on."""

    @property
    def start(self) -> date:
        """The first day on which it holds."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement of a tier: `metric` must be at least `value`."""

    metric: Metric
    #: Points, a count, points-dollars, or a ratio such as 0.85.
    value: Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier of a rule set."""

    name: str
    #: All of them must be met.
    requirements: tuple[Requirement, ...]
    #: Whether the tier is credited on invitation only.
    by_invitation: bool = False


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The tiers in force from `start` on."""

    start: date
    name: str
    #: Lowest first.
    tiers: tuple[Tier, ...]
    #: Whether the thresholds are examples; pages then say so.
    sample: bool
    #: Where the vendor published them.
    source: str = ""

    def place(self, name: str) -> int | None:
        """The place of the tier with that name, 0 for the lowest; None when this rule set has no such tier."""
        return next((place for place, tier in enumerate(self.tiers) if tier.name == name), None)

    def tier(self, name: str) -> Tier | None:
        """The tier with that name, or None."""
        return next((tier for tier in self.tiers if tier.name == name), None)


@dataclass(frozen=True, slots=True)
class SoldRate:
    """The rates for product lines first sold on or after `start`."""

    start: date
    #: Points per unit of MRR, by origin.
    sourced: Decimal
    assisted: Decimal


@dataclass(frozen=True, slots=True)
class CurrencyTable:
    """The fixed currency table in force from `start` on."""

    start: date
    #: The local amount that counts as one unit (US$100), by ISO 4217 code.
    amounts: Mapping[str, Decimal] = field(hash=False)


@dataclass(frozen=True, slots=True)
class GrowthMarket:
    """The list of growth markets in force from `start` on."""

    start: date
    #: What points of clients in these countries are multiplied by.
    factor: Decimal
    #: ISO 3166-1 alpha-2 codes.
    countries: frozenset[str]


@dataclass(frozen=True, slots=True)
class Review:
    """A yearly tier review."""

    #: Month and day of the review.
    month: int
    day: int
    #: Month and day on which its window of readings begins, the latest before the review.
    window_month: int
    window_day: int


@dataclass(frozen=True, slots=True)
class ReviewDay:
    """The review of one year."""

    on: date
    #: The first day of its window of readings.
    window_start: date

    @property
    def readings(self) -> tuple[date, ...]:
        """The days whose performance counts: the window's first day and the same day of each month up to the review."""
        days = []
        step = 0
        while (day := add_months(self.window_start, step)) <= self.on:
            days.append(day)
            step += 1
        return tuple(days)


@dataclass(frozen=True, slots=True)
class CommissionTerms:
    """The terms of commission."""

    #: The part of a deal's MRR that is paid.
    rate: Decimal
    #: For how many months a deal earns.
    months: int
    #: Deals closed before this day earn nothing.
    start: date
    #: The number of days from the end of a quarter to its payment.
    pay_days_after_quarter: int


def _sorted[D: Dated](rows: Iterable[D]) -> tuple[D, ...]:
    return tuple(sorted(rows, key=lambda row: row.start))


def _in_force[D: Dated](rows: tuple[D, ...], on: date) -> D | None:
    """The latest row that starts on or before `on`; None before the first. A scan is fastest for so few rows."""
    for row in reversed(rows):
        if row.start <= on:
            return row
    return None


@lru_cache(maxsize=1024)
def exact(amount: Decimal) -> Fraction:
    """An amount, rate or factor of the rules as a fraction: there are few, and every deal is calculated with them."""
    return Fraction(amount)


def sold_points(unit: Fraction, rate: Decimal, factor: Decimal) -> Fraction:
    """Exact points of a sold amount: unit x rate x factor (`docs/points.md` 3)."""
    return unit * exact(rate) * exact(factor)


def managed_points(unit: Fraction, rate: Decimal, factor: Decimal, partners: int) -> Fraction:
    """Exact points of a managed amount: unit x rate x factor / managing partners, ourselves included."""
    return unit * exact(rate) * exact(factor) / partners


def posted(points: Fraction) -> Decimal:
    """Points as the ledger posts them: rounded half-even to 4 places, once."""
    return half_even(points, POINT_PLACES)


def posted_points(amount: Decimal, per_unit: Decimal, rate: Decimal, factor: Decimal, partners: int = 1) -> Decimal:
    """Points of an amount as the ledger posts them: amount / per_unit x rate x factor / partners, exact until rounded once.

    As `posted` of `sold_points` or `managed_points`, without a fraction for each of the millions of deals.
    """
    numerator, denominator = _points_of_one(per_unit, rate, factor)
    above, below = amount.as_integer_ratio()
    return half_even_ratio(above * numerator, below * denominator * partners, POINT_PLACES)


@lru_cache(maxsize=1024)
def _points_of_one(per_unit: Decimal, rate: Decimal, factor: Decimal) -> tuple[int, int]:
    """Exact points of an amount of 1, as numerator and denominator."""
    return sold_points(1 / exact(per_unit), rate, factor).as_integer_ratio()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rules of one programme. Every dated tuple is sorted by `start`, whatever order it was given in.

    Days before the first currency table or sold rate use the first one; before the first growth-market list the
    factor is 1.

    Raises:
        ValueError: there is no currency table or no sold rate at all.
    """

    name: str
    #: The certification that every tier requires.
    partner_certification: str
    #: US dollars of MRR that are one unit.
    unit_usd: Decimal
    #: Months after which a lot expires.
    sold_life_months: int
    #: Months for which a review cannot lower a newly credited tier.
    hold_months: int
    commission: CommissionTerms
    #: Points per unit of managed MRR.
    managed_rate: Decimal
    sold_rates: tuple[SoldRate, ...]
    currency_tables: tuple[CurrencyTable, ...]
    growth_markets: tuple[GrowthMarket, ...]
    reviews: tuple[Review, ...]
    rule_sets: tuple[RuleSet, ...]
    #: Month and day on which a programme year begins.
    year_start: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if not self.currency_tables:
            raise ValueError("A programme needs at least one currency table.")
        if not self.sold_rates:
            raise ValueError("A programme needs at least one sold rate.")
        object.__setattr__(self, "sold_rates", _sorted(self.sold_rates))
        object.__setattr__(self, "currency_tables", _sorted(self.currency_tables))
        object.__setattr__(self, "growth_markets", _sorted(self.growth_markets))
        object.__setattr__(self, "rule_sets", _sorted(self.rule_sets))

    # Money to units

    def currency_table(self, on: date) -> CurrencyTable:
        """The currency table in force on the day."""
        return _in_force(self.currency_tables, on) or self.currency_tables[0]

    def per_unit(self, currency: str, on: date) -> Decimal:
        """The local amount that counts as one unit on the day.

        Raises:
            UnknownCurrencyError: the table of the day does not know the currency.
        """
        table = self.currency_table(on)
        amount = table.amounts.get(currency)
        if amount is None:
            raise UnknownCurrencyError(currency, table.start)
        return amount

    def unit(self, amount: Decimal, currency: str, on: date) -> Fraction:
        """`amount` in units of US$100, exact (`docs/points.md` 2). Raises UnknownCurrencyError."""
        return Fraction(amount) / exact(self.per_unit(currency, on))

    def points_dollars(self, amount: Decimal, currency: str, on: date) -> Fraction:
        """`amount` in points-dollars (unit x 100), exact, by the fixed table. Raises UnknownCurrencyError."""
        return self.unit(amount, currency, on) * exact(self.unit_usd)

    # Rates and factors

    def growth_market(self, on: date) -> GrowthMarket | None:
        """The growth-market list in force on the day; None before the first."""
        return _in_force(self.growth_markets, on)

    def market_factor(self, growth: bool, on: date) -> Decimal:
        """The factor of a growth (or standard) market on the day."""
        market = self.growth_market(on)
        return market.factor if growth and market is not None else _ONE

    def is_growth(self, country: str, on: date) -> bool:
        """Whether the country is a growth market on the day."""
        market = self.growth_market(on)
        return market is not None and country in market.countries

    def factor(self, country: str, on: date) -> Decimal:
        """The factor of a client's country on the day."""
        return self.market_factor(self.is_growth(country, on), on)

    def sold_rate(self, line_sold_on: date) -> SoldRate:
        """The rates of a product line that was first sold on that day."""
        return _in_force(self.sold_rates, line_sold_on) or self.sold_rates[0]

    def rate(self, origin: Origin, line_sold_on: date) -> Decimal:
        """Points per unit for a deal of that origin on a line first sold on that day; 0 unless sourced or assisted."""
        if origin == Origin.SOURCED:
            return self.sold_rate(line_sold_on).sourced
        if origin == Origin.ASSISTED:
            return self.sold_rate(line_sold_on).assisted
        return _ZERO

    def expires_on(self, closed_on: date) -> date:
        """The first day on which a lot closed that day no longer counts."""
        return add_months(closed_on, self.sold_life_months)

    # Tiers and reviews

    def rule_set(self, on: date) -> RuleSet | None:
        """The rule set in force on the day; None before the first."""
        return _in_force(self.rule_sets, on)

    def reviews_between(self, first: date, last: date) -> tuple[ReviewDay, ...]:
        """All reviews from `first` to `last`, both days included, in order."""
        days = []
        for year in range(first.year, last.year + 1):
            for review in self.reviews:
                on = date(year, review.month, review.day)
                if first <= on <= last:
                    same_year = (review.window_month, review.window_day) <= (review.month, review.day)
                    days.append(
                        ReviewDay(on, date(year if same_year else year - 1, review.window_month, review.window_day))
                    )
        return tuple(sorted(days, key=lambda day: day.on))

    def next_review(self, after: date) -> ReviewDay | None:
        """The first review strictly after the day; None for a programme without reviews."""
        coming = self.reviews_between(date.fromordinal(after.toordinal() + 1), add_months(after, 12))
        return coming[0] if coming else None

    def programme_year(self, day: date) -> date:
        """The first day of the programme year that the day lies in."""
        start = date(day.year, *self.year_start)
        return start if start <= day else date(day.year - 1, *self.year_start)


def in_every_year(month: int, day: int) -> bool:
    """Whether each year has the day: not 31 April, and not 29 February either."""
    try:
        date(2023, month, day)  # a year without 29 February
    except ValueError:
        return False
    return True


# Reading the programme file


def parse_rulebook(mapping: Mapping[str, object]) -> Rulebook:
    """The rulebook that a programme file (the dict that `tomllib` makes of it) describes.

    Amounts are whole numbers or quoted decimals; binary floats are rejected, since they are not what was written.

    Raises:
        ValueError: names the place in the file, what is there, and what would be accepted.
    """
    top = _Table("programme", mapping)
    terms = top.table("commission")
    return Rulebook(
        name=top.text("name"),
        partner_certification=top.text("partner_certification"),
        unit_usd=top.number("unit_usd", above_zero=True),
        sold_life_months=top.whole("sold_life_months", least=1),
        hold_months=top.whole("hold_months", least=0),
        commission=CommissionTerms(
            terms.number("rate"),
            terms.whole("months", least=1),
            terms.day("from"),
            terms.whole("pay_days_after_quarter"),
        ),
        managed_rate=top.table("managed_rate").number("points"),
        sold_rates=_distinct(
            "sold_rate",
            (
                SoldRate(row.day("from"), row.number(Origin.SOURCED), row.number(Origin.ASSISTED))
                for row in top.rows("sold_rate")
            ),
        ),
        currency_tables=_distinct(
            "currency_table",
            (
                CurrencyTable(row.day("from"), row.table("amounts").numbers(above_zero=True))
                for row in top.rows("currency_table")
            ),
        ),
        growth_markets=_distinct(
            "growth_market",
            (
                GrowthMarket(row.day("from"), row.number("factor", above_zero=True), frozenset(row.texts("countries")))
                for row in top.rows("growth_market", least=0)
            ),
        ),
        reviews=tuple(_review(row) for row in top.rows("review", least=0)),
        rule_sets=_distinct("rule_set", (_rule_set(row) for row in top.rows("rule_set"))),
    )


def _review(row: "_Table") -> Review:
    window = row.table("window_start")
    numbers = (row.whole("month"), row.whole("day"), window.whole("month"), window.whole("day"))
    for month, day in (numbers[:2], numbers[2:]):
        if not in_every_year(month, day):
            raise ValueError(f"{row.place}: month {month}, day {day} is not a day of every year.")
    return Review(*numbers)


def _rule_set(row: "_Table") -> RuleSet:
    tiers: list[Tier] = []
    for tier in row.rows("tier"):
        needs = tier.table("requirements").numbers()
        unknown = sorted(set(needs) - set(Metric))
        if unknown:
            raise ValueError(f"{tier.place}: unknown metric {unknown[0]!r}; accepted: {', '.join(Metric)}.")
        name = tier.text("name")
        if any(name == other.name for other in tiers):
            raise ValueError(f"{tier.place}: the tier {name!r} occurs twice in one rule set.")
        requirements = tuple(Requirement(Metric(metric), value) for metric, value in needs.items())
        tiers.append(Tier(name, requirements, by_invitation=tier.flag("by_invitation")))
    return RuleSet(
        row.day("from"),
        row.text("name"),
        tuple(tiers),
        sample=row.flag("sample"),
        source=row.text("source", default=""),
    )


def _distinct[D: Dated](what: str, rows: Iterable[D]) -> tuple[D, ...]:
    ordered = _sorted(rows)
    for earlier, later in pairwise(ordered):
        if earlier.start == later.start:
            raise ValueError(f"{what}: two of them start on {later.start}.")
    return ordered


class _Table:
    """One table of the file and its place in it, so that every error can say where it is."""

    def __init__(self, place: str, values: object) -> None:
        if not isinstance(values, Mapping):
            raise ValueError(f"{place}: expected a table, found {values!r}.")
        self.place = place
        self.values = values

    def _get(self, key: str) -> object:
        if key not in self.values:
            raise ValueError(f"{self.place}: {key} is missing.")
        return self.values[key]

    def _wrong(self, key: str, accepted: str) -> ValueError:
        return ValueError(f"{self.place}: {key} is {self.values[key]!r}; accepted: {accepted}.")

    def table(self, key: str) -> "_Table":
        return _Table(f"{self.place}.{key}", self._get(key))

    def rows(self, key: str, least: int = 1) -> "list[_Table]":
        values = self.values.get(key, [])
        if not isinstance(values, list) or len(values) < least:
            raise ValueError(f"{self.place}: at least {least} [[{key}]] expected.")
        return [_Table(f"{self.place}.{key}[{number}]", value) for number, value in enumerate(values, 1)]

    def text(self, key: str, default: str | None = None) -> str:
        if default is not None and key not in self.values:
            return default
        value = self._get(key)
        if not isinstance(value, str) or (not value and default is None):
            raise self._wrong(key, "a text")
        return value

    def texts(self, key: str) -> list[str]:
        values = self._get(key)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of texts")
        return values

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def day(self, key: str) -> date:
        value = self._get(key)
        if type(value) is not date:
            raise self._wrong(key, "a date such as 2024-02-27")
        return value

    def whole(self, key: str, least: int = 0) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self._wrong(key, f"a whole number of at least {least}")
        return value

    def number(self, key: str, *, above_zero: bool = False) -> Decimal:
        value = self._get(key)
        accepted = f"a whole number or a quoted decimal, {'above 0' if above_zero else 'at least 0'}"
        if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
            raise self._wrong(key, accepted)
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self._wrong(key, accepted) from None
        if not number.is_finite() or number < 0 or (above_zero and number == 0):
            raise self._wrong(key, accepted)
        return number

    def numbers(self, *, above_zero: bool = False) -> dict[str, Decimal]:
        return {key: self.number(key, above_zero=above_zero) for key in self.values}
