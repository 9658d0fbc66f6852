"""Offset statements with a negative total against the positive statements that follow.

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
    """The parts of a statement that offsets depend on."""

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
    """A part of a positive statement that offsets a negative one."""

    #: The id of the negative statement.
    of: str
    #: The id of the positive statement.
    by: str
    #: Above zero.
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Offsets:
    """How negative statements are offset."""

    #: By negative statement: the amount still to be offset; 0 once all of it is.
    left: Mapping[str, Decimal] = field(default_factory=dict)
    #: In order of the positive statements.
    uses: Sequence[Use] = ()

    def used_by(self, statement_id: str) -> Decimal:
        """The amount that negative statements take off a positive one."""
        return sum((use.amount for use in self.uses if use.by == statement_id), Decimal(0))


def offsets(statements: Iterable[Total]) -> Offsets:
    """Which statements offset which negative statement: oldest first, in order of pay date, statement payout currency by itself."""
    left: dict[str, Decimal] = {}
    uses: list[Use] = []
    open_debts: dict[str, list[str]] = {}
    for statement in sorted(
        statements, key=lambda statement: (statement.pay_on, statement.period, statement.statement_id)
    ):
        debts = open_debts.setdefault(statement.currency, [])
        if statement.total < 0:
            if statement.status in OPEN:
                left[statement.statement_id] = -statement.total
                debts.append(statement.statement_id)
            continue
        rest = statement.total if statement.status in _USES_UP else Decimal(0)
        while rest and debts:
            amount = min(rest, left[debts[0]])
            uses.append(Use(debts[0], statement.statement_id, amount))
            left[debts[0]] -= amount
            rest -= amount
            if not left[debts[0]]:
                debts.pop(0)
    return Offsets(left, tuple(uses))


def taken_off(expected: Decimal, left: Decimal) -> Decimal:
    """How much of `left` the next payment offsets: at most all of that payment."""
    return min(left, max(expected, Decimal(0)))
