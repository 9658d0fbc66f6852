"""Example rows of the template workbook, and how they are recognised in a file."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from imports.tables import Table
from partner_portal.lib.rows.column_types import (
    Choice,
    ColumnType,
    Country,
    Currency,
    Day,
    Flag,
    Month,
    Number,
    Quarter,
    Whole,
)
from partner_portal.lib.rows.facts import Column, FactKind, Reference

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE_DAY = date(2026, 3, 2)
EXAMPLE_ID = "EXAMPLE"
_TEXTS = {
    "name": "Example Company",
    "domain": "example.com",
    "product_line": "Marketing Hub",
    "person": "Example Person",
    "certification": "Example certification",
    "last_active_employee": "Example Person",
    "renewal_manager": "Example Person",
    "renewal_manager_email": "person@example.com",
}
_NUMBERS = {"fx_rate": Decimal(1), "rate": Decimal("0.2"), "commission": Decimal("250.10")}

type Value = str | Decimal | int | date


def example_row(kind: FactKind) -> dict[str, Value]:
    """A value for every column that an example needs, as a real number or day."""
    values = {column.name: _example(column) for column in kind.columns if column.required or column.name in _TEXTS}
    return {name: value for name, value in values.items() if value != ""}


def _example(column: Column) -> Value:
    kind: ColumnType = column.type
    if isinstance(kind, Choice):
        return kind.values[0]
    if isinstance(kind, Number):
        return _NUMBERS.get(column.name, Decimal("1250.50"))
    plain: dict[type[ColumnType], Value] = {
        Flag: "yes", Whole: 1, Day: EXAMPLE_DAY, Month: "2026-03", Quarter: "2026-Q1", Country: "NL", Currency: "EUR",
        Reference: EXAMPLE_ID,
    }  # fmt: skip
    return plain.get(type(kind), _TEXTS.get(column.name, EXAMPLE_ID))


def drop_examples(table: Table, kind: FactKind) -> "tuple[pd.DataFrame, int]":
    """The rows without example rows, and how many these were. Only a table with our columns has them."""
    example = {name: str(value) for name, value in example_row(kind).items()}
    keys = [name for name in kind.key_columns if name in example]
    if not keys or not set(keys) <= set(table.header):
        return table.rows, 0
    is_example = None
    for name in keys:
        same = table.rows[table.header.index(name)] == example[name]
        is_example = same if is_example is None else is_example & same
    if is_example is None or not is_example.any():
        return table.rows, 0
    return table.rows[~is_example], int(is_example.sum())
