"""Cells of datasets as plain text, for mails; pages write them as HTML, and files by their own rules."""

from decimal import Decimal

from partner_portal.formats.days import day_text, month_text
from partner_portal.formats.numbers import (
    MINUS,
    decimal_text,
    dollar_text,
    exact_money,
    exchange_rate_text,
    percent_text,
    signed_decimal_text,
    whole,
)
from partner_portal.lib.rounding import half_even
from partner_portal.lib.rows.datasets import Column, Kind, Value
from partner_portal.lib.shown_places import close_places


def cell_text(column: Column, value: Value, currency: str = "") -> str:
    """A value as people read it; "" for none. currency: of the row, for amounts."""
    if value is None or value == "":
        return ""
    match column.kind:
        case Kind.POINTS:
            return decimal_text(value, close_places(value))
        case Kind.MONEY:
            return money_text(value, currency) if column.currency else money_text(value, "")
        case Kind.DATE:
            return day_text(value)
        case Kind.MONTH:
            return month_text(value)
        case Kind.RATE:
            return exchange_rate_text(value)
        case Kind.RATIO:
            return percent_text(decimal_text(value * 100, 1))
        case Kind.COUNT:
            return whole(value)
    if column.choices:
        return str(column.choices.get(value, value))
    return column.markup(value) if column.markup else str(value)


def money_text(value: Decimal, currency: str) -> str:
    """An amount to the cent with its currency; "" for points-dollars, which are written as US dollars."""
    exact = half_even(value, 2)
    if currency:
        return f"{MINUS if exact < 0 else ''}{exact_money(abs(exact), currency)}"
    return f"{MINUS if exact < 0 else ''}{dollar_text(decimal_text(abs(exact), 2))}"


def figure_text(kind: str, value: Decimal | int, currency: str = "", *, signed: bool = False) -> str:
    """The figure of a dataset without its unit: points with the decimals that show them, amounts with their currency."""
    if kind == Kind.MONEY:
        return money_text(Decimal(value), currency)
    if kind == Kind.POINTS:
        write = signed_decimal_text if signed else decimal_text
        return write(value, close_places(value))
    return whole(value)
