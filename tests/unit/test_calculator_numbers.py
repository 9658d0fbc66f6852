"""Numbers as people write them, in English and in Dutch; everything else is refused with a sentence."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculator.numbers import NumberError, read_number, write_number

LIMIT = Decimal(10) ** 14


def read(text, language, places=2):
    return read_number(text, language, places=places, limit=LIMIT)


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("1,234.56", "en", "1234.56"),
        ("1.234,56", "nl", "1234.56"),
        ("1234.56", "en", "1234.56"),
        ("1234,56", "nl", "1234.56"),
        ("1.234", "nl", "1234"),
        ("1,234", "en", "1234"),
        ("12,345,678", "en", "12345678"),
        (" 1 000 ", "en", "1000"),
        ("1\u202f000,5", "nl", "1000.5"),
        ("0", "en", "0"),
        (".5", "en", "0.5"),
        ("5.", "en", "5"),
        ("000012.50", "en", "12.5"),
        ("99999999999999.99", "en", "99999999999999.99"),
        ("1,234.56", "en-gb", "1234.56"),
        ("1.234,56", "de", "1234.56"),
    ],
)
def test_what_is_written_is_what_is_read(text, language, value):
    assert read(text, language) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "language", "says"),
    [
        ("", "en", "Give a number."),
        ("1.234,56", "en", "write it like 1,234.56"),
        ("1,234.56", "nl", "write it like 1.234,56"),
        ("12,34", "en", "write it like 1,234.56"),
        ("1,2345", "en", "write it like"),
        ("0.500", "nl", "write it like 1.234,56"),
        ("-", "en", "not a number"),
        ("1_000", "en", "not a number"),
        ("abc", "en", "not a number"),
        ("1e5", "en", "not a number"),
        ("NaN", "en", "not a number"),
        ("Infinity", "en", "not a number"),
        ("١٢٣", "en", "not a number"),
        ("-5", "en", "negative"),
        ("−5", "nl", "negative"),
        ("1.234", "en", "at most 2 decimals"),
        ("1" * 40, "en", "below 100,000,000,000,000"),
        ("9" * 40 + ",50", "nl", "below 100.000.000.000.000"),
        ("999" + ",999" * 49, "en", "below 100,000,000,000,000"),
        ("100000000000000", "en", "below"),
        ("<script>alert(1)</script>", "en", "not a number"),
    ],
)
def test_anything_else_says_what_would_be_right(text, language, says):
    with pytest.raises(NumberError) as error:
        read(text, language)
    assert says in str(error.value)


@given(st.decimals("0", "99999999999999.99", places=2), st.sampled_from(["en", "nl"]))
def test_a_number_that_is_written_reads_back(value, language):
    assert read(write_number(value, language, places=2), language) == value
