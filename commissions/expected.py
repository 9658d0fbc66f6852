"""What deals are expected to earn, for a whole portfolio at once: stretches of months instead of a line a month.

Pure: no Django, no clock. The rule for one month is that of `commissions.rules`; here it is walked once a deal, in whole
numbers, so that a hundred thousand deals take seconds. Rules: `docs/points.md` 8 and 10.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple, Protocol

from commissions.rules import CENT_PLACES, FxRate, FxRates, earns, term_end
from ledger.records import DealLife
from partner_portal.lib.dates.months import add_months, month_count, month_start, months_between, quarter_of
from program.rulebook import CommissionTerms

_CENT = 10**CENT_PLACES
_EXACT = 80  # digits: more than a product of a rate of the rules and an exchange rate has


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive months in which a deal earns on the same MRR."""

    #: The first days of the first and of the last month, both included.
    first: date
    last: date
    #: In the deal's currency, exact.
    mrr: Fraction


@dataclass(frozen=True, slots=True)
class Earning:
    """A deal that earns commission."""

    #: The client's primary key.
    client: int
    deal_id: str
    product_line: str
    currency: str
    #: MRR as sold.
    mrr: Decimal
    closed_on: date
    #: The first day after its term.
    ends_on: date
    #: The day on which its line or its client was cancelled; None when it was not.
    cancelled_on: date | None
    #: Whether a downgrade or a cancellation of the line reduced it.
    cut: bool
    #: The first day on which nothing is left of it; None while something is.
    gone_on: date | None
    #: Oldest first.
    stretches: tuple[Stretch, ...]

    def months_left(self, today: date) -> int:
        """Months of the term still to earn, the current one included; 0 when the deal earns nothing on the day."""
        if today < self.closed_on or (self.gone_on is not None and self.gone_on <= today):
            return 0
        first = max(month_start(today), month_start(self.closed_on))
        return max(0, month_count(first, month_start(self.ends_on)))


@dataclass(frozen=True, slots=True)
class Amount:
    """The expected commission of an earning in one month."""

    #: The first day of the month.
    month: date
    #: What is left of the deal on the month's last day, exact.
    mrr: Fraction
    #: None when no exchange rate of the currency was ever imported.
    fx: FxRate | None
    #: In payout currency, 2 decimals; None without an exchange rate.
    commission: Decimal | None


def earning(client: int, life: DealLife, terms: CommissionTerms) -> Earning | None:
    """The deal as an earning; None when it earns no commission at all."""
    if not earns(life, terms):
        return None
    return Earning(
        client,
        life.deal.deal_id,
        life.deal.product_line,
        life.deal.currency,
        life.deal.mrr,
        life.closed_on,
        term_end(life.closed_on, terms),
        life.cancelled_on,
        bool(life.cuts),
        next((day for day, part in life.cuts if not part), None),
        tuple(_stretches(life, terms)),
    )


def known_lives(life: DealLife) -> Iterator[tuple[date, date | None, DealLife]]:
    """The life as known from a day on, up to another (None: as far as it goes).

    A downgrade is known from its day on, a cancellation all the time.
    """
    cancelled = life.cuts[-1:] if life.cancelled_on else ()
    downgrades = life.cuts[: len(life.cuts) - len(cancelled)]
    days = [life.closed_on, *(day for day, _left in downgrades), None]
    for count, (since, until) in enumerate(pairwise(days)):
        if since is not None and since != until:
            yield since, until, replace(life, cuts=(*downgrades[:count], *cancelled))


def _stretches(life: DealLife, terms: CommissionTerms) -> Iterator[Stretch]:
    """A month counts when the deal is in force on its last day, so a cut counts from the month it falls in."""
    first = month_start(life.closed_on)
    end = month_start(term_end(life.closed_on, terms))  # the first month whose last day is past the term
    left = Fraction(1)
    for day, part in life.cuts:
        at = month_start(day)
        if at >= end:
            break
        if at > first and left:
            yield Stretch(first, add_months(at, -1), Fraction(life.deal.mrr) * left)
        first, left = max(first, at), part
    if left and first < end:
        yield Stretch(first, add_months(end, -1), Fraction(life.deal.mrr) * left)


def _half_up(part: int, whole: int) -> int:
    """part / whole to a whole number. Both are above zero, so half goes up, and nothing is rounded before."""
    return (2 * part + whole) // (2 * whole)


def earns_within(stretches: Iterable[Stretch], first: date, last: date) -> bool:
    """Whether a deal earns in any month from `first` to `last` (their first days), both included."""
    return any(stretch.first <= last and stretch.last >= first for stretch in stretches)


class Earns(Protocol):
    """A deal that earns commission, or what sums need of one."""

    @property
    def currency(self) -> str:
        """The currency of the deal."""

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The months in which it earns."""


class Span(NamedTuple):
    """Consecutive months of a quarter in which a currency has one rate."""

    currency: str
    quarter: str
    #: The first and the last month, both included, as year * 12 + month.
    first: int
    last: int
    #: Commission per unit of MRR and month, exact.
    factor: Decimal


class CommissionForecast:
    """Expected commission of a portfolio, at the imported exchange rates."""

    def __init__(self, terms: CommissionTerms, fx: FxRates) -> None:
        self._terms = terms
        self._fx = fx
        self._factors: dict[tuple[str, date], tuple[FxRate, int, int] | None] = {}
        self._rows: dict[tuple[str, tuple[date, ...]], list[tuple[int, int] | None]] = {}

    def amounts(self, deal: Earning, first: date, last: date) -> Iterator[Amount]:
        """The expected commission of every month from `first` to `last`, both included."""
        for stretch in deal.stretches:
            start, end = max(stretch.first, month_start(first)), min(stretch.last, month_start(last))
            if start > end:
                continue
            numerator, denominator = stretch.mrr.as_integer_ratio()
            for month in months_between(start, end):
                factor = self._factor(deal.currency, month)
                if factor is None:
                    yield Amount(month, stretch.mrr, None, None)
                    continue
                fx, over, under = factor
                cents = _half_up(numerator * over, denominator * under)
                yield Amount(month, stretch.mrr, fx, Decimal(cents).scaleb(-CENT_PLACES))

    def by_quarter(self, earnings: Iterable[Earns], first: date, last: date) -> dict[str, Decimal]:
        """Sums by quarter, in order; amounts without an exchange rate are left out.

        The same as summing `amounts`, without an object a month: the months of a stretch that share a rate share an amount.
        """
        months = months_between(first, last)
        sums = [0] * len(months)
        for deal in earnings:
            factors = self._factors_of(deal.currency, months)
            for stretch in deal.stretches:
                start, end = month_count(months[0], stretch.first), month_count(months[0], stretch.last)
                numerator, denominator = stretch.mrr.as_integer_ratio()
                known, cents = None, 0
                for index in range(max(start, 0), min(end + 1, len(months))):
                    factor = factors[index]
                    if factor is None:
                        continue
                    if factor != known:
                        known, cents = factor, _half_up(numerator * factor[0], denominator * factor[1])
                    sums[index] += cents
        by_name = {quarter_of(month): Decimal(0) for month in months}
        for month, total in zip(months, sums, strict=True):
            by_name[quarter_of(month)] += Decimal(total).scaleb(-CENT_PLACES)
        return by_name

    def spans(self, first: date, last: date) -> Iterator[Span]:
        """The months from `first` to `last`, as spans of every currency with a rate."""
        for currency in self._fx.currencies:
            rated = groupby(months_between(first, last), partial(self._rated, currency))
            for (quarter, rate), months in rated:
                numbers = [month.year * 12 + month.month for month in months]
                with localcontext(prec=_EXACT):
                    yield Span(currency, quarter, numbers[0], numbers[-1], self._terms.rate * rate)

    def _rated(self, currency: str, month: date) -> tuple[str, Decimal]:
        fx = self._fx.on(currency, month)
        return quarter_of(month), fx.rate if fx else Decimal(0)

    def _factors_of(self, currency: str, months: tuple[date, ...]) -> list[tuple[int, int] | None]:
        """Cents of commission per unit of MRR and month, exact; None without a rate."""
        key = (currency, months)
        if key not in self._rows:
            rates = [self._factor(currency, month) for month in months]
            self._rows[key] = [factor and factor[1:] for factor in rates]
        return self._rows[key]

    def _factor(self, currency: str, month: date) -> tuple[FxRate, int, int] | None:
        key = (currency, month)
        if key not in self._factors:
            fx = self._fx.on(currency, month)
            over, under = (
                Fraction(self._terms.rate) * Fraction(fx.rate) * _CENT if fx else Fraction(0)
            ).as_integer_ratio()
            self._factors[key] = (fx, over, under) if fx else None
        return self._factors[key]
