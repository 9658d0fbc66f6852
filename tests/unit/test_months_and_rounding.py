from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_portal.lib.dates.months import add_months, month_end, month_start, months_between, quarter_end, quarter_of
from partner_portal.lib.rounding import as_decimal, half_even, half_up

D = date.fromisoformat


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2025-08-31", 6, "2026-02-28"),
        ("2026-11-23", -12, "2025-11-23"),
        ("2025-12-15", 1, "2026-01-15"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-05-31", 0, "2026-05-31"),
    ],
)
def test_calendar_months(day, months, then):
    assert add_months(D(day), months) == D(then)


def test_months_and_quarters():
    assert (month_start(D("2024-02-29")), month_end(D("2024-02-01"))) == (D("2024-02-01"), D("2024-02-29"))
    assert months_between(D("2025-11-30"), D("2026-01-01")) == (D("2025-11-01"), D("2025-12-01"), D("2026-01-01"))
    assert months_between(D("2025-11-30"), D("2025-10-01")) == ()
    assert [quarter_of(D(day)) for day in ("2026-01-01", "2026-06-30", "2026-12-31")] == [
        "2026-Q1",
        "2026-Q2",
        "2026-Q4",
    ]
    assert quarter_end(D("2026-07-01")) == D("2026-09-30")


@pytest.mark.parametrize(
    ("value", "even", "up"),
    [
        ("0.125", "0.12", "0.13"),
        ("0.135", "0.14", "0.14"),
        ("-0.125", "-0.12", "-0.13"),
        ("-1.025", "-1.02", "-1.03"),
        ("0.1249999999999999999999999999999999", "0.12", "0.12"),
        ("2", "2.00", "2.00"),
        ("-0.001", "0.00", "0.00"),
    ],
)
def test_ties(value, even, up):
    assert (str(half_even(Decimal(value), 2)), str(half_up(Decimal(value), 2))) == (even, up)


@given(st.fractions(), st.integers(0, 6))
def test_rounding_goes_to_the_nearest(value, places):
    for rounded in (half_even(value, places), half_up(value, places)):
        assert abs(Fraction(rounded) - value) <= Fraction(1, 2 * 10**places)


def test_long_numbers_stay_exact():
    long = Decimal("12345678901234567890123456789012345678901234567890.125")
    assert str(half_even(long, 2)) == "12345678901234567890123456789012345678901234567890.12"


def test_fractions_as_decimals():
    assert as_decimal(Fraction(1, 8)) == Decimal("0.125")
    assert str(as_decimal(Fraction(2, 3))) == "0." + "6" * 49 + "7"
