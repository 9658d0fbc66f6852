"""Commission arithmetic: what a line comes to, how a statement stands, and which deals earn it.

Pure: no Django, no clock. Rules: `docs/points.md` 8, 10 and 12. Commission is in payout currency with 2 decimals,
at real exchange rates; only points use the fixed table of the programme.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from ledger.records import DealLife
from partner_portal.lib.dates.months import add_months, month_end, quarter_end
from partner_portal.lib.rounding import half_up
from program.rulebook import CommissionTerms
from program.terms import LineStatus, Origin

CENT_PLACES = 2
# Least advanced first; withheld money may still come, so it says more about a statement than forfeited money.
_STANDING = tuple(LineStatus)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A statement line as imported."""

    statement_id: str
    #: The quarter of the statement: `2026-Q3`.
    period: str
    line_no: int
    client_id: str
    deal_id: str
    product_line: str
    #: The first day of the month.
    invoice_month: date
    #: In `currency`.
    net_revenue: Decimal
    currency: str
    #: Payout currency per unit of `currency`.
    fx_rate: Decimal
    #: The part of the net revenue that is paid.
    rate: Decimal
    #: In `payout_currency`.
    commission: Decimal
    payout_currency: str
    status: LineStatus
    pay_on: date
    #: None until it is paid.
    paid_on: date | None = None
    #: The name of the line that it reverses; "" for none.
    adjusts: str = ""
    #: Why it adjusts that line.
    reason: str = ""

    @property
    def name(self) -> str:
        """The name by which adjusting lines refer to it: `S-2026Q3/12`."""
        return f"{self.statement_id}/{self.line_no}"

    @property
    def recomputed(self) -> Decimal:
        """The correct commission of the line, in `payout_currency`."""
        return commission(self.net_revenue, self.rate, self.fx_rate)

    @property
    def difference(self) -> Decimal:
        """Imported minus recomputed commission; anything but 0 is a variance."""
        return self.commission - self.recomputed


def commission(net_revenue: Decimal, rate: Decimal, fx_rate: Decimal) -> Decimal:
    """net revenue x rate x exchange rate, rounded once to the cent, half away from zero."""
    return half_up(Fraction(net_revenue) * Fraction(rate) * Fraction(fx_rate), CENT_PLACES)


def statement_status(statuses: Iterable[LineStatus]) -> LineStatus:
    """The status of a statement from those of its lines: the least advanced of draft, issued and paid; withheld or
    forfeited only when no line has one of these.

    Raises:
        ValueError: no lines, or an unknown status.
    """
    known = set(statuses)
    unknown = known - set(_STANDING)
    if unknown or not known:
        raise ValueError(f"Not a status of a statement line: {', '.join(sorted(unknown)) or 'none at all'}.")
    return min(known, key=_STANDING.index)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, derived from its lines."""

    statement_id: str
    #: Its quarter.
    period: str
    status: LineStatus
    #: The amount of all lines, withheld and forfeited ones included, in `currency`.
    total: Decimal
    currency: str
    #: The earliest pay day of its lines.
    pay_on: date
    #: The latest payment of its lines; None until the statement is paid.
    paid_on: date | None
    #: The number of lines that do not recompute.
    variances: int
    #: By number.
    lines: tuple[StatementLine, ...]


def statements(lines: Iterable[StatementLine]) -> tuple[Statement, ...]:
    """Group lines into statements, by period and id."""
    grouped: dict[str, list[StatementLine]] = {}
    for line in lines:
        grouped.setdefault(line.statement_id, []).append(line)
    rows = [_statement(sorted(group, key=lambda line: line.line_no)) for group in grouped.values()]
    return tuple(sorted(rows, key=lambda statement: (statement.period, statement.statement_id)))


def _statement(lines: Sequence[StatementLine]) -> Statement:
    status = statement_status(line.status for line in lines)
    return Statement(
        lines[0].statement_id,
        lines[0].period,
        status,
        sum((line.commission for line in lines), Decimal(0)),
        lines[0].payout_currency,
        min(line.pay_on for line in lines),
        max((line.paid_on for line in lines if line.paid_on), default=None) if status == LineStatus.PAID else None,
        sum(line.difference != 0 for line in lines),
        tuple(lines),
    )


# Exchange rates


@dataclass(frozen=True, slots=True)
class FxRate:
    """An exchange rate."""

    #: Payout currency per unit of the currency.
    rate: Decimal
    #: The last day of the invoice month that it was imported with.
    on: date


class FxRates:
    """The imported rates, by currency and month. The payout currency itself is always 1.

    rates: currency, any day of the month, rate; one a currency and month.
    """

    def __init__(self, rates: Iterable[tuple[str, date, Decimal]], payout_currency: str) -> None:
        self._payout_currency = payout_currency
        self._rates: dict[str, dict[date, Decimal]] = {}
        for currency, month, rate in rates:
            self._rates.setdefault(currency, {})[month_end(month)] = rate

    @property
    def currencies(self) -> list[str]:
        """The currencies with a rate, the payout currency included."""
        return sorted({self._payout_currency, *self._rates})

    def on(self, currency: str, month: date) -> FxRate | None:
        """The rate of the month, otherwise the latest imported one; None when there is none at all."""
        day = month_end(month)
        if currency == self._payout_currency:
            return FxRate(Decimal(1), day)
        rates = self._rates.get(currency)
        if not rates:
            return None
        latest = day if day in rates else max(rates)
        return FxRate(rates[latest], latest)


# Expected commission


def pay_day(month: date, terms: CommissionTerms) -> date:
    """The day on which the quarter of the month is paid."""
    return quarter_end(month) + timedelta(days=terms.pay_days_after_quarter)


def term_end(closed_on: date, terms: CommissionTerms) -> date:
    """The first day on which a deal no longer earns commission."""
    return add_months(closed_on, terms.months)


def earns(life: DealLife, terms: CommissionTerms) -> bool:
    """Whether a deal earns commission at all: sourced and closed since the terms began."""
    return life.deal.origin == Origin.SOURCED and life.closed_on >= terms.start
