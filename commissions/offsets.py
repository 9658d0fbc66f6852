"""What becomes of statements with a negative total: nobody pays them, later statements use them up.

Pure: no Django, no clock. Rules: `docs/points.md` 14; what it leaves open is decided in `docs/adr/0084-*`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from program.terms import LineStatus

OPEN = (LineStatus.DRAFT, LineStatus.ISSUED)  # statuses in which a negative total is to be offset
_USES_UP = (LineStatus.ISSUED, LineStatus.PAID)  # statuses of the statements whose positive totals are used


class Total(Protocol):
    """What is asked of a statement."""

    @property
    def statement_id(self) -> str: ...
    @property
    def period(self) -> str: ...
    @property
    def status(self) -> LineStatus: ...
    @property
    def total(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def pay_on(self) -> date: ...


@dataclass(frozen=True, slots=True)
class Use:
    """`amount` (above zero) of the positive statement `by` that makes up for the negative statement `of`."""

    of: str
    by: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Offsets:
    """left: what is still to be taken off, by negative statement; 0 once it is used up. uses: by which statements, in order."""

    left: Mapping[str, Decimal] = field(default_factory=dict)
    uses: Sequence[Use] = ()

    def used_by(self, statement_id: str) -> Decimal:
        """What is taken off a positive statement."""
        return sum((each.amount for each in self.uses if each.by == statement_id), Decimal(0))


def offsets(statements: Iterable[Total]) -> Offsets:
    """Who makes up for which negative statement: oldest first, in order of pay date, each payout currency by itself."""
    left: dict[str, Decimal] = {}
    uses: list[Use] = []
    open_debts: dict[str, list[str]] = {}
    for each in sorted(statements, key=lambda one: (one.pay_on, one.period, one.statement_id)):
        debts = open_debts.setdefault(each.currency, [])
        if each.total < 0:
            if each.status in OPEN:
                left[each.statement_id] = -each.total
                debts.append(each.statement_id)
            continue
        rest = each.total if each.status in _USES_UP else Decimal(0)
        while rest and debts:
            amount = min(rest, left[debts[0]])
            uses.append(Use(debts[0], each.statement_id, amount))
            left[debts[0]] -= amount
            rest -= amount
            if not left[debts[0]]:
                debts.pop(0)
    return Offsets(left, tuple(uses))


def taken_off(expected: Decimal, left: Decimal) -> Decimal:
    """What of `left` the next payment can make up for: never more than it."""
    return min(left, max(expected, Decimal(0)))
