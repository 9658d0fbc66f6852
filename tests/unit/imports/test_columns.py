"""What a cell may hold (docs/points.md 1 and 12): every type with what it takes, what it makes of it, and what it refuses."""

from datetime import date

import pytest

from partner_portal.lib.rows.column_types import (
    CellError,
    Choice,
    ColumnType,
    Country,
    Currency,
    DateCell,
    Day,
    Flag,
    Month,
    Number,
    Quarter,
    Text,
    Whole,
)

MONEY = Number(above=0)
KNOWN = Currency(lambda: frozenset({"EUR", "USD"}))

TAKEN: list[tuple[ColumnType, str, str]] = [
    (Text(), "NA", "NA"),
    (Text(), "NULL", "NULL"),
    (Text(), "=1+1", "=1+1"),
    (Text(), "two\nlines\tand 🙂 ‮rtl", "two\nlines\tand 🙂 ‮rtl"),
    (Text(), "x" * 1000, "x" * 1000),
    (Text(key=True), "x" * 1000, "x" * 1000),
    (Choice(("new", "cross_sell")), "cross_sell", "cross_sell"),
    (Flag(), "yes", "true"),
    (Flag(), "no", "false"),
    (MONEY, "0.01", "0.01"),
    (MONEY, "1250.50", "1250.5"),
    (MONEY, "007", "7"),
    (MONEY, "99999999999999.99", "99999999999999.99"),
    (Number(), "-37.70", "-37.7"),
    (Number(), "-0.00", "0"),
    (Number(least=0), "0", "0"),
    (Number(places=8, digits=10, above=0), "1.05947812", "1.05947812"),
    (Number(places=6, digits=4, least=0), "0.123456", "0.123456"),
    (Whole(), "0", "0"),
    (Whole(), "007", "7"),
    (Whole(least=1), "2147483647", "2147483647"),
    (Day(), "2024-02-29", "2024-02-29"),
    (Day(), "1900-01-01", "1900-01-01"),
    (Day(last=date.max), "9999-12-31", "9999-12-31"),
    (Month(), "2026-11", "2026-11-01"),
    (Month(), DateCell("2026-11-01"), "2026-11-01"),
    (Quarter(), "2026-Q3", "2026-Q3"),
    (Country(), "NL", "NL"),
    (KNOWN, "EUR", "EUR"),
    (Currency(), "CHF", "CHF"),
]

REFUSED: list[tuple[ColumnType, str, str]] = [
    (Text(), "x" * 1001, "longer than 1,000 characters"),
    (Text(), "x" * 2_000_000, "longer than 1,000 characters"),
    (Text(), "a\0b", "holds a character that text cannot have (code 0)"),
    (Text(key=True), "語" * 500, "too long to tell rows apart by: over 1300 bytes"),
    (Choice(("new",)), "New", "not one of the accepted words"),
    (Choice(("new",)), "newer", "not one of the accepted words"),
    (Flag(), "true", "must be yes or no"),
    (Flag(), "Yes", "must be yes or no"),
    (MONEY, "0", "not above 0"),
    (MONEY, "0.00", "not above 0"),
    (MONEY, "-120", "not above 0"),
    (MONEY, "12.345", "more than 2 decimals"),
    (MONEY, "100.000", "more than 2 decimals"),
    (MONEY, "1,250.50", "not a number"),
    (MONEY, "1250,50", "not a number"),
    (MONEY, "1e3", "not a number"),
    (MONEY, "+5", "not a number"),
    (MONEY, ".5", "not a number"),
    (MONEY, "5.", "not a number"),
    (MONEY, "NaN", "not a number"),
    (MONEY, "Infinity", "not a number"),
    (MONEY, "=1+1", "not a number"),
    (MONEY, "EUR 5", "not a number"),
    (MONEY, "१२", "not a number"),
    (MONEY, "100000000000000", "more than 14 digits before the point"),
    (MONEY, "9" * 100_000, "more than 14 digits before the point"),
    (Number(least=0), "-0.01", "below 0"),
    (Number(places=8, above=0), "0.123456789", "more than 8 decimals"),
    (Number(places=6, least=0), "0.1234567", "more than 6 decimals"),
    (Whole(), "-1", "below 0"),
    (Whole(least=1), "0", "below 1"),
    (Whole(), "3.0", "not a whole number"),
    (Whole(), "2147483648", "too large"),
    (Whole(), "9" * 100_000, "too large"),
    (Day(), "2023-02-29", "not a date"),
    (Day(), "23.11.2026", "not a date"),
    (Day(), "23-11-2026", "not a date"),
    (Day(), "2026-11-23 10:00:00", "not a date"),
    (Day(), "20261123", "not a date"),
    (Day(), "2026-W48-1", "not a date"),
    (Day(), "46349", "not a date"),
    (Day(), "2026-1-5", "not a date"),
    (Day(), "२०२६-११-२३", "not a date"),
    (Day(), "0024-05-01", "a date before 1900-01-01 or after 2999-12-31"),
    (Day(), "9999-12-31", "a date before 1900-01-01 or after 2999-12-31"),
    (Month(), "2026-13", "not a month"),
    (Month(), "2026-11-01", "not a month"),
    (Month(), DateCell("2026-11-23"), "not a month"),
    (Month(), "11/2026", "not a month"),
    (Month(), "0001-01", "a month before 1900-01-01 or after 2999-12-31"),
    (Quarter(), "2026-Q5", "not a quarter"),
    (Quarter(), "Q3 2026", "not a quarter"),
    (Country(), "nl", "not the code of a country"),
    (Country(), "UK", "not the code of a country"),
    (Country(), "Netherlands", "not the code of a country"),
    (KNOWN, "CHF", "the programme has no fixed amount for CHF"),
    (KNOWN, "eur", "not the code of a currency"),
    (KNOWN, "€", "not the code of a currency"),
    (Currency(), "XYZ", "not the code of a currency"),
]


@pytest.mark.parametrize(("column", "text", "value"), TAKEN)
def test_taken(column: ColumnType, text: str, value: str) -> None:
    assert column.reader()(text) == value
    assert column.read(text) == value


@pytest.mark.parametrize(("column", "text", "message"), REFUSED)
def test_refused(column: ColumnType, text: str, message: str) -> None:
    with pytest.raises(CellError) as error:
        column.reader()(text)
    assert str(error.value) == message


def test_every_type_says_what_it_accepts() -> None:
    assert [column.accepted for column in (MONEY, Number(), Number(least=0, places=6), Day(), KNOWN, Flag())] == [
        "a number above 0 with at most 2 decimals, such as 1250.50",
        "a number with at most 2 decimals, such as -1250.50",
        "a number of at least 0 with at most 6 decimals, such as 1250.50",
        "a date such as 2026-11-23",
        "EUR, USD",
        "yes, no",
    ]


def test_what_is_known_is_asked_once_a_check() -> None:
    asked = []

    def known() -> frozenset[str]:
        asked.append(1)
        return frozenset({"EUR"})

    read = Currency(known).reader()
    assert [read("EUR") for _ in range(3)] == ["EUR"] * 3
    assert len(asked) == 1
