"""Arithmetic over facts of clients and people: retention, certifications, tool usage and shared selling.

Pure: no Django, no clock. Rules: `docs/points.md` 3, 5, 6, 7 and 12.
"""

import statistics
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

from partner_portal.lib.dates.months import add_months, month_end, month_start
from partner_portal.lib.rounding import as_decimal
from program.rulebook import Rulebook

RETENTION_MONTHS = 12
MONEY_MONTHS = 12
_DIGITS = 50


# Retention


@dataclass(frozen=True, slots=True)
class MonthRetention:
    """Retention of one month against the month before, in points-dollars by the currency table of its last day."""

    month: date  #: its first day
    start: Decimal  #: MRR of the month before
    churned: Decimal  #: the part of `start` from clients without MRR in this month
    kept: Decimal  #: the part of `start` that is still paid, without growth
    csr_monthly: Decimal  #: (start - churned) / start
    grr_monthly: Decimal  #: kept / start
    csr: Decimal  #: `csr_monthly` to the power of 12
    grr: Decimal  #: `grr_monthly` to the power of 12


@dataclass(frozen=True, slots=True)
class Retention:
    """C$R and GRR as plain means over 12 months. All four are None ("no data") with fewer than 12 usable months."""

    csr: Decimal | None  #: mean of the annualised months
    grr: Decimal | None  #: mean of the annualised months
    csr_monthly: Decimal | None  #: mean of the months as they are
    grr_monthly: Decimal | None  #: mean of the months as they are
    months: int  #: usable months of the 12
    series: tuple[MonthRetention, ...]  #: the usable months, in order


@dataclass(frozen=True, slots=True)
class MonthSums:
    """MRR of a month compared with the month before, over all clients: exact sums by the currency of the month before."""

    start: Mapping[str, Decimal]  #: MRR of the month before
    churned: Mapping[str, Decimal]  #: the part of `start` from clients without MRR now
    kept: Mapping[str, Decimal]  #: the smaller of both months, for clients that did not change currency
    #: clients that stayed and changed currency: (MRR before, its currency, MRR now, its currency)
    switched: tuple[tuple[Decimal, str, Decimal, str], ...] = ()


class MrrHistory:
    """Retention of any month or day, computed from the sums by month that the database holds."""

    def __init__(self, months: Mapping[date, MonthSums], rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._months = months
        self._computed: dict[date, MonthRetention | None] = {}
        self._means: dict[date, Retention] = {}

    def month(self, month: date) -> MonthRetention | None:
        """Retention of one month; None when it or the month before has no rows, or when there was no MRR before.

        Raises:
            UnknownCurrencyError: a currency without a fixed amount.
        """
        month = month_start(month)
        if month not in self._computed:
            sums = self._months.get(month)
            self._computed[month] = None if sums is None else self._ratios(month, sums)
        return self._computed[month]

    def _ratios(self, month: date, sums: MonthSums) -> MonthRetention | None:
        on = month_end(month)
        start = self._dollars(sums.start, on)
        if start <= 0:
            return None
        churned = self._dollars(sums.churned, on)
        dollars = self._rulebook.points_dollars
        kept = self._dollars(sums.kept, on) + sum(
            (min(dollars(was, was_in, on), dollars(now, now_in, on)) for was, was_in, now, now_in in sums.switched),
            Fraction(0),
        )
        csr, grr = (start - churned) / start, kept / start
        return MonthRetention(
            month,
            as_decimal(start),
            as_decimal(churned),
            as_decimal(kept),
            as_decimal(csr),
            as_decimal(grr),
            as_decimal(csr**12),
            as_decimal(grr**12),
        )

    def _dollars(self, sums: Mapping[str, Decimal], on: date) -> Fraction:
        return sum(
            (self._rulebook.points_dollars(amount, currency, on) for currency, amount in sums.items()), Fraction(0)
        )

    def retention(self, on: date) -> Retention:
        """C$R and GRR over the last 12 complete months before the month of the day. Raises UnknownCurrencyError."""
        month = month_start(on)
        if month not in self._means:  # asked for every day of a year
            self._means[month] = self._before(month)
        return self._means[month]

    def _before(self, month: date) -> Retention:
        months = (self.month(add_months(month, -back)) for back in range(RETENTION_MONTHS, 0, -1))
        series = tuple(month for month in months if month is not None)
        if len(series) < RETENTION_MONTHS:
            return Retention(None, None, None, None, len(series), series)
        return Retention(
            _mean([month.csr for month in series]),
            _mean([month.grr for month in series]),
            _mean([month.csr_monthly for month in series]),
            _mean([month.grr_monthly for month in series]),
            len(series),
            series,
        )


def _mean(values: list[Decimal]) -> Decimal:
    with localcontext(prec=_DIGITS):
        return sum(values, Decimal(0)) / len(values)


# Certifications and tool use


@dataclass(frozen=True, slots=True)
class CertificationFact:
    """A certification of a person, valid from `earned_on` until the day before `expires_on` (None: for ever)."""

    person: str
    certification: str
    earned_on: date
    expires_on: date | None

    def valid(self, on: date) -> bool:
        """Whether it is valid on the day."""
        return self.earned_on <= on and (self.expires_on is None or on < self.expires_on)


class Certifications:
    """All certifications of a partner, indexed so that queries for any day are fast."""

    def __init__(self, facts: Iterable[CertificationFact]) -> None:
        self._facts = tuple(facts)
        people: dict[str, list[CertificationFact]] = {}
        names: dict[str, list[CertificationFact]] = {}
        for fact in self._facts:
            people.setdefault(fact.person, []).append(fact)
            names.setdefault(fact.certification, []).append(fact)
        covered = [span for facts_of_one in people.values() for span in _covered(facts_of_one)]
        self._starts = sorted(start for start, _ in covered)
        self._ends = sorted(end for _, end in covered)
        self._names = {name: _covered(facts_of_one) for name, facts_of_one in names.items()}

    def earned_by(self, day: date) -> "Certifications":
        """Only the certifications earned up to the day: those that are certain on later days."""
        return Certifications(fact for fact in self._facts if fact.earned_on <= day)

    def people(self, on: date) -> int:
        """People with any certification valid on the day."""
        return bisect_right(self._starts, on) - bisect_right(self._ends, on)

    def held(self, certification: str, on: date) -> bool:
        """Whether anyone holds this certification on the day."""
        return self._span(certification, on) is not None

    def held_until(self, certification: str, on: date) -> date | None:
        """The first day after `on` on which nobody holds it; None when it is not held on `on` or never lapses."""
        span = self._span(certification, on)
        return None if span is None or span[1] == date.max else span[1]

    def holders(self, certification: str, on: date) -> tuple[CertificationFact, ...]:
        """Who holds it on the day: the row of each person that lapses last, ordered by the day on which it lapses."""
        longest: dict[str, CertificationFact] = {}
        for fact in self._facts:
            if fact.certification == certification and fact.valid(on):
                other = longest.get(fact.person)
                if other is None or (other.expires_on or date.max) < (fact.expires_on or date.max):
                    longest[fact.person] = fact
        return tuple(sorted(longest.values(), key=lambda fact: (fact.expires_on or date.max, fact.person)))

    def _span(self, certification: str, on: date) -> tuple[date, date] | None:
        return next((span for span in self._names.get(certification, ()) if span[0] <= on < span[1]), None)


def _covered(facts: Iterable[CertificationFact]) -> list[tuple[date, date]]:
    """The days on which at least one of the facts is valid, as sorted, disjoint, half-open spans."""
    spans: list[tuple[date, date]] = []
    for fact in sorted(facts, key=lambda fact: fact.earned_on):
        end = fact.expires_on or date.max
        if end <= fact.earned_on:
            continue
        if spans and fact.earned_on <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((fact.earned_on, end))
    return spans


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Tools used in the last 30 days. Mean and median are None when no client has a value."""

    mean: Decimal | None
    median: Decimal | None
    clients: int  #: clients with a value


def tool_use(values: Iterable[int | None]) -> ToolUse:
    """Mean and median of the values that are known, exact to 50 digits."""
    known = [Fraction(value) for value in values if value is not None]
    if not known:
        return ToolUse(None, None, 0)
    mean = sum(known, Fraction(0)) / len(known)
    return ToolUse(as_decimal(mean), as_decimal(statistics.median(known)), len(known))


# Shared selling


@dataclass(frozen=True, slots=True)
class DealSum:
    """A number of deals and their MRR in exact points-dollars."""

    count: int
    mrr: Fraction


@dataclass(frozen=True, slots=True)
class SharedSelling:
    """Registered deals of a range (points.md 3)."""

    created: DealSum  #: created in the range
    in_flight: DealSum  #: sourced and not closed at its end
    won: DealSum  #: won in the range
