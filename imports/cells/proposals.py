"""Proposed readings of a column: the one that fits all its cells, and the cell that proves it or leaves it open."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from imports.cells.amounts import marks, read_amount
from imports.cells.days import DayForm, orders, read_day

MOST_EXAMPLES = 300  # of a column


class Example(NamedTuple):
    """A cell that stands for all cells of its shape."""

    row: int
    text: str


class Proposal(NamedTuple):
    """form: the reading, "" when there is nothing to choose. proof: a cell that can only be read so.

    doubt: a cell with two readings between which nothing in the column decides: a person has to choose.
    against: a cell that can only be read in another way than `doubt`: whatever is chosen, one of them cannot be read.
    """

    form: str
    proof: Example | None = None
    doubt: Example | None = None
    against: Example | None = None


def shape(text: str) -> str:
    """A key that texts share which allow the same readings as days or numbers, whatever their digits."""
    return re.sub("[0-9]+", _digits, text)


def _digits(match: re.Match[str]) -> str:
    digits = match[0]
    if len(digits) > 2:
        return "9" * len(digits)
    return "a" if int(digits) <= 12 else "b" if int(digits) <= 31 else "c"


def propose_days(examples: Sequence[Example], usual: str) -> Proposal:
    """The order of the days of a column. usual: what was chosen or ships for it; taken when it reads all cells."""
    days = [(example, fitting) for example in examples if (fitting := orders(example.text))]
    if usual and all(usual in fitting for _example, fitting in days):
        return Proposal(usual)
    for order in ("iso", "epoch_ms"):
        if days and all(order in fitting for _example, fitting in days):
            return Proposal(order)
    slashed = [
        (example, fitting)
        for example, fitting in days
        if fitting & {"day_first", "month_first"} and "iso" not in fitting
    ]
    proofs = {
        order: next((example for example, fitting in slashed if order in fitting and len(fitting) == 1), None)
        for order in ("day_first", "month_first")
    }
    proven = [order for order, proof in proofs.items() if proof]
    if len(proven) == 1:
        return Proposal(proven[0], proofs[proven[0]])
    if len(proven) == 2:
        return Proposal("", doubt=proofs["day_first"], against=proofs["month_first"])
    doubt = next((example for example, _fitting in slashed if _differs(example.text)), None)
    if doubt:
        return Proposal("", doubt=doubt)
    return Proposal("day_first" if slashed else "iso")


def _differs(text: str) -> bool:
    return len({read_day(text, DayForm(order, "2000")) for order in ("day_first", "month_first")}) > 1


def propose_decimals(examples: Sequence[Example], accepts: Callable[[str], bool], usual: str) -> Proposal:
    """The decimal mark of the numbers of a column. accepts: whether a number as ours is one that the column may hold."""
    numbers = [(example, readings) for example in examples if (readings := _readings(example.text))]
    if usual and all(usual in readings for _example, readings in numbers):
        return Proposal(usual)
    if all(read_amount(example.text, "") for example, _readings in numbers) and all(
        accepts(example.text) for example, _readings in numbers
    ):
        differing = next((pair[0] for pair in numbers if pair[1].get("comma") and len(set(pair[1].values())) > 1), None)
        if differing is None or not accepts(_readings(differing.text)["comma"]):
            return Proposal("")
    usable = [
        (example, {mark: text for mark, text in readings.items() if accepts(text)}) for example, readings in numbers
    ]
    proofs = {mark: next((e for e, readings in usable if set(readings) == {mark}), None) for mark in ("point", "comma")}
    proven = [mark for mark, proof in proofs.items() if proof]
    if len(proven) == 1:
        return Proposal(proven[0], proofs[proven[0]])
    if len(proven) == 2:
        return Proposal("", doubt=proofs["comma"], against=proofs["point"])
    doubt = next((e for e, readings in usable if len(set(readings.values())) > 1), None)
    if doubt:
        return Proposal("", doubt=doubt)
    return Proposal("point" if numbers else "")


def _readings(text: str) -> dict[str, str]:
    """By decimal mark the number that a text is."""
    return {mark: amount.text for mark in marks(text) if (amount := read_amount(text, mark))}
