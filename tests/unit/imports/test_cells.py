"""Amounts, currencies and months as people and spreadsheets write them; expected values by hand."""

import pytest

from imports.cells.amounts import currency_of, marks, read_amount
from imports.cells.days import read_month


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [
        ("1234.56", "", "1234.56"),
        ("-5", "", "-5"),
        ("1,234", "", None),
        ("1.234,56", "comma", "1234.56"),
        ("1,234.56", "point", "1234.56"),
        ("1'234.50", "point", "1234.50"),
        ("(1,250.00)", "point", "-1250.00"),
        ("12.50-", "point", "-12.50"),
        ("+7", "point", "7"),
        ("€ 1.250,-", "comma", "1250"),
        ("-€ 5,50", "comma", "-5.50"),
        ("5 EUR", "point", "5"),
        ("(-5)", "point", None),
        ("€ 5 EUR", "point", None),
        ("5 apples", "point", None),
        ("€", "point", None),
        ("1.23.4", "point", None),
    ],
)
def test_an_amount(text: str, decimals: str, value: str | None) -> None:
    amount = read_amount(text, decimals)
    assert (amount.text if amount else None) == value


def test_the_mark_of_an_amount_tells_its_currencies() -> None:
    amount = read_amount("5 EUR", "point")
    assert amount is not None
    assert (amount.currencies, amount.mark) == ({"EUR"}, "EUR")
    dollars = read_amount("$5", "point")
    assert dollars is not None
    assert dollars.currencies is not None
    assert {"USD", "CAD", "AUD"} <= dollars.currencies


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("1,234", {"point", "comma"}),
        ("1,234.5", {"point"}),
        ("1.234,5", {"comma"}),
        ("12", {"point", "comma"}),
        ("word", set()),
    ],
)
def test_the_decimal_marks_of_a_text(text: str, accepted: set[str]) -> None:
    assert marks(text) == accepted


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("eur", "EUR"),
        (" USD ", "USD"),
        ("€", "EUR"),
        ("£", ""),
        ("Schweizer Franken", "CHF"),
        ("$", ""),
        ("kr", ""),
        ("florins?", ""),
    ],
)
def test_a_currency(text: str, code: str) -> None:
    assert currency_of(text) == code


@pytest.mark.parametrize(
    ("text", "century", "month"),
    [
        ("2026/11", "", "2026-11"),
        ("3-2026", "", "2026-03"),
        ("november 2026", "", "2026-11"),
        ("Mär. 2026", "", "2026-03"),
        ("Nov-26", "2000", "2026-11"),
        ("Nov-26", "", None),
        ("13-2026", "", None),
        ("Smarch 2026", "", None),
        ("2026", "", None),
    ],
)
def test_a_month(text: str, century: str, month: str | None) -> None:
    assert read_month(text, century) == month
