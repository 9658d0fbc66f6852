"""Whether the lines that take commission back agree with the lines they adjust.

Pure: no Django, no clock. Rules: `docs/points.md` 14; what it leaves open is decided in `docs/adr/0083-*`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from commissions.rules import StatementLine, commission

TWICE, TOO_MUCH = "reversed_twice", "reversed_too_much"
OTHER_CURRENCY, OTHER_RATE, OTHER_FX = "reversal_currency", "reversal_rate", "reversal_fx"
CAUSES = (TWICE, TOO_MUCH, OTHER_CURRENCY, OTHER_RATE, OTHER_FX)


@dataclass(frozen=True, slots=True)
class Clawback:
    """A variance between an adjusting line and the line it adjusts."""

    #: One of CAUSES.
    cause: str
    #: The adjusting line.
    line: StatementLine
    #: The line it adjusts.
    original: StatementLine
    #: Imported minus correct amount, in the payout currency of `line`; below zero the statement is too low.
    amount: Decimal
    #: What `line` takes back beyond what was left of `original`, in its currency; None for other causes.
    too_much: Decimal | None = None

    @property
    def here(self) -> str | Decimal | None:
        """The value on the adjusting line that differs; None where an amount is too much."""
        return self._value(self.line)

    @property
    def there(self) -> str | Decimal | None:
        """The same value on the line that it adjusts."""
        return self._value(self.original)

    def _value(self, line: StatementLine) -> str | Decimal | None:
        if self.cause == OTHER_CURRENCY:
            paid_apart = self.line.payout_currency != self.original.payout_currency
            return line.payout_currency if paid_apart else line.currency
        if self.cause == OTHER_RATE:
            return line.rate
        return line.fx_rate if self.cause == OTHER_FX else None


def clawbacks(adjusting: Iterable[StatementLine], originals: Mapping[str, StatementLine]) -> tuple[Clawback, ...]:
    """The variances of all adjusting lines, by period, statement and line number.

    originals: the adjusted lines by name (`statement_id/line_no`); an adjusting line whose original is missing has nothing
    to be compared with. All lines that adjust one original must be given, or too little is counted.
    """
    grouped: dict[str, list[StatementLine]] = {}
    for line in sorted(adjusting, key=_place):
        if line.adjusts in originals:
            grouped.setdefault(line.adjusts, []).append(line)
    variances: list[Clawback] = []
    for name, lines in grouped.items():
        original = originals[name]
        variances += _too_much(original, [line for line in lines if not _other_currency(line, original)])
        for line in lines:
            variances += _other_terms(original, line)
    return tuple(sorted(variances, key=lambda variance: (*_place(variance.line), CAUSES.index(variance.cause))))


def _place(line: StatementLine) -> tuple[str, str, int]:
    return line.period, line.statement_id, line.line_no


def _other_currency(line: StatementLine, original: StatementLine) -> bool:
    return (line.currency, line.payout_currency) != (original.currency, original.payout_currency)


def _too_much(original: StatementLine, lines: list[StatementLine]) -> list[Clawback]:
    """What is too much is charged to the last lines that take something back: they came when nothing was left."""
    sign = -1 if original.net_revenue < 0 else 1
    own = abs(original.net_revenue)
    takes = [-sign * line.net_revenue for line in lines]
    excess, taken = sum(takes) - own, sum(takes)
    variances = []
    for line, take in zip(reversed(lines), reversed(takes), strict=True):
        taken -= take  # by the lines before this one
        part = min(excess, take)
        if part <= 0:
            continue
        excess -= part
        again = 0 < own <= min(take, taken)
        amount = -sign * commission(Decimal(part), original.rate, original.fx_rate)
        variances.append(Clawback(TWICE if again else TOO_MUCH, line, original, amount, Decimal(part)))
    return variances


def _other_terms(original: StatementLine, line: StatementLine) -> list[Clawback]:
    """A step at a time, so that the amounts of a line add up: its rate first, then its currency or exchange rate."""
    variances = []
    at_rate = commission(line.net_revenue, original.rate, line.fx_rate)
    if line.rate != original.rate:
        variances.append(Clawback(OTHER_RATE, line, original, line.recomputed - at_rate))
    if line.payout_currency != original.payout_currency:
        variances.append(Clawback(OTHER_CURRENCY, line, original, at_rate))
    elif line.currency != original.currency:
        variances.append(Clawback(OTHER_CURRENCY, line, original, at_rate + original.recomputed))
    elif line.fx_rate != original.fx_rate:
        at_terms = commission(line.net_revenue, original.rate, original.fx_rate)
        variances.append(Clawback(OTHER_FX, line, original, at_rate - at_terms))
    return variances
