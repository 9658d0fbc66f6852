"""Why a quarter's statements differ from what was expected: every difference has one cause, and they add up.

Pure: no Django, no clock. The differences of a client sum to its statement lines minus what was expected of it, to the
cent. Rules: `docs/points.md` 8 and 12.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from commissions import clawbacks
from commissions.clawbacks import Clawback
from commissions.expected import Amount, Earning
from commissions.rules import FxRate, StatementLine, commission
from partner_portal.lib.dates.months import month_end, quarter_of
from program.rulebook import CommissionTerms

RECOMPUTE, REVERSED, RATE, FX = "recompute", "reversed", "rate", "fx"
CANCELLED, DOWNGRADED, REVENUE = "cancelled", "downgraded", "revenue"
MISSING, NOT_EARNING, OTHER_QUARTER, TWICE = "missing", "not_earning", "other_quarter", "twice"
CAUSES = (
    RECOMPUTE, *clawbacks.CAUSES, REVERSED, RATE, FX, CANCELLED, DOWNGRADED, REVENUE, MISSING, NOT_EARNING, OTHER_QUARTER, TWICE,
)  # fmt: skip
CHECKS = (RECOMPUTE, *clawbacks.CAUSES)  # what is wrong with a line by itself or against the line it adjusts


@dataclass(frozen=True, slots=True)
class StatementDifference:
    """A difference between a statement and what was expected, for one deal and month."""

    #: The client's primary key.
    client: int
    quarter: str
    #: The first day of the month.
    month: date
    deal_id: str
    product_line: str
    #: The currency of the deal.
    currency: str
    cause: str
    #: Statement minus expected, in payout currency.
    amount: Decimal
    #: None when the line is missing.
    line: StatementLine | None = None
    #: The expected commission; None when nothing was expected.
    expected: Decimal | None = None
    #: What was left of the deal's MRR.
    mrr: Fraction | None = None
    #: The exchange rate of the expected commission.
    fx: FxRate | None = None
    #: The mismatch with the line that `line` adjusts; None for other causes.
    clawback: Clawback | None = None


@dataclass(frozen=True, slots=True)
class ExpectedMonth:
    """The expected commission of one deal in one month."""

    earning: Earning
    amount: Amount


def differences(
    quarter: str,
    expected: Iterable[ExpectedMonth],
    lines: Iterable[tuple[int, StatementLine]],
    earnings: Mapping[str, Earning],
    terms: CommissionTerms,
    adjusting: Mapping[str, Sequence[Clawback]] | None = None,
) -> tuple[StatementDifference, ...]:
    """All differences of a quarter, by client, deal and month.

    expected: the months of the quarter that have an exchange rate. lines: (client, line) of the quarter's statements.
    earnings: every deal that earns commission, by deal id, to tell why a line was not expected. adjusting: the variances of
    adjusting lines (points.md 14) by the name of the line.
    """
    open_months = {(month.earning.deal_id, month.amount.month): month for month in expected}
    done: set[tuple[str, date]] = set()
    rows: list[StatementDifference] = []
    for client, line in sorted(lines, key=lambda row: (row[1].statement_id, row[1].line_no)):
        key = (line.deal_id, line.invoice_month)
        if line.adjusts:
            rows += _reversal(client, quarter, line, (adjusting or {}).get(line.name, ()))
        elif key in open_months:
            month = open_months.pop(key)
            done.add(key)
            rows += _matched(client, quarter, line, month, terms)
        elif key in done:
            rows += _line_alone(client, quarter, line, TWICE)
        else:
            rows += _line_alone(client, quarter, line, _unexpected(line, quarter, earnings.get(line.deal_id)))
    for month in open_months.values():
        value = month.amount.commission
        if value:
            rows.append(
                StatementDifference(
                    month.earning.client,
                    quarter,
                    month.amount.month,
                    month.earning.deal_id,
                    month.earning.product_line,
                    month.earning.currency,
                    MISSING,
                    -value,
                    None,
                    value,
                    month.amount.mrr,
                    month.amount.fx,
                )
            )
    return tuple(sorted(rows, key=lambda row: (row.client, row.deal_id, row.month, CAUSES.index(row.cause))))


def _line_alone(client: int, quarter: str, line: StatementLine, cause: str) -> list[StatementDifference]:
    """A line that nothing was expected for: all of it is a difference, and what does not recompute is stated apart."""
    parts = [(RECOMPUTE, line.difference), (cause, line.recomputed)]
    return [_of_line(client, quarter, line, part, amount) for part, amount in parts if amount]


def _reversal(
    client: int, quarter: str, line: StatementLine, mismatches: Sequence[Clawback]
) -> list[StatementDifference]:
    """An adjusting line: what does not match the line that it adjusts is stated apart, even where that comes to nothing."""
    rows = [
        replace(_of_line(client, quarter, line, mismatch.cause, mismatch.amount), clawback=mismatch)
        for mismatch in mismatches
    ]
    rest = line.recomputed - sum((mismatch.amount for mismatch in mismatches), Decimal(0))
    parts = [(RECOMPUTE, line.difference), (REVERSED, rest)]
    return rows + [_of_line(client, quarter, line, cause, amount) for cause, amount in parts if amount]


def _matched(
    client: int, quarter: str, line: StatementLine, month: ExpectedMonth, terms: CommissionTerms
) -> list[StatementDifference]:
    """From the amount on the line back to the expected one, a step at a time: as recomputed, at the agreed rate, at the
    expected exchange rate, on the expected MRR."""
    expected = month.amount.commission or Decimal(0)
    fx = month.amount.fx.rate if month.amount.fx else line.fx_rate
    at_rate = commission(line.net_revenue, terms.rate, line.fx_rate)
    at_fx = commission(line.net_revenue, terms.rate, fx)
    base = DOWNGRADED if month.earning.cut and month.amount.mrr < month.earning.mrr else REVENUE
    parts = [
        (RECOMPUTE, line.difference),
        (RATE, line.recomputed - at_rate),
        (FX, at_rate - at_fx),
        (base, at_fx - expected),
    ]
    return [
        _of_line(client, quarter, line, cause, amount, expected, month.amount.mrr, month.amount.fx)
        for cause, amount in parts
        if amount
    ]


def _of_line(
    client: int,
    quarter: str,
    line: StatementLine,
    cause: str,
    amount: Decimal,
    expected: Decimal | None = None,
    mrr: Fraction | None = None,
    fx: FxRate | None = None,
) -> StatementDifference:
    return StatementDifference(
        client,
        quarter,
        line.invoice_month,
        line.deal_id,
        line.product_line,
        line.currency,
        cause,
        amount,
        line,
        expected,
        mrr,
        fx,
    )


def _unexpected(line: StatementLine, quarter: str, deal: Earning | None) -> str:
    """Why a line stands for a month in which its deal earns nothing."""
    if quarter_of(line.invoice_month) != quarter:
        return OTHER_QUARTER
    if deal and deal.cancelled_on and deal.cancelled_on <= month_end(line.invoice_month):
        return CANCELLED
    return NOT_EARNING
