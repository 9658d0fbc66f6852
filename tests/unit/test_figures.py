"""How figures are written: rounding only for the eye, the exact value beside it, in English and in Dutch."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from django.utils import translation

from partner_portal.lib.periods import Period
from partner_portal.templatetags import figures


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("12.5"), '<data value="12.5000" title="12.5000 points">12</data>'),
        (Decimal("13.5000"), '<data value="13.5000" title="13.5000 points">14</data>'),
        (Decimal("1234.0467"), '<data value="1234.0467" title="1,234.0467 points">1,234</data>'),
        (Decimal("-69.5910"), '<data value="-69.5910" title="−69.5910 points">−70</data>'),
        (Decimal("-0.4800"), '<data value="-0.4800" title="−0.4800 points">0</data>'),
        (Fraction(1, 3), '<data value="0.3333" title="0.3333 points">0</data>'),
        (None, '–<span class="sr"> no data</span>'),
    ],
)
def test_points_are_whole_with_the_exact_value_beside_them(value, written):
    assert figures.points(value) == written


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("17.0923"), ">+17<"), (Decimal("-28.2743"), ">−28<"), (Decimal(0), ">0<")]
)
def test_signed_points_have_a_sign_unless_nothing_is_left_of_them(value, text):
    assert text in figures.signed_points(value)


@pytest.mark.parametrize(
    ("write", "english", "dutch"),
    [
        (lambda: figures.points(Decimal("1234.5678")), ">1,235<", ">1.235<"),
        (lambda: figures.points(Decimal("1234.5678")), 'title="1,234.5678 ', 'title="1.234,5678 '),
        (lambda: figures.money(Decimal("1768.00"), "ZAR"), "ZAR 1,768.00", "ZAR 1.768,00"),
        (lambda: figures.money(Decimal("-37.70"), "EUR"), "−EUR 37.70", "−EUR 37,70"),
        (lambda: figures.dollars(Fraction("12169.557")), "US$ 12,170", "US$ 12.170"),
        (lambda: figures.dollars(Fraction("12169.557")), 'title="US$ 12,169.56"', 'title="US$ 12.169,56"'),
        (lambda: figures.percent(Decimal("0.86175")), "86.2 %", "86,2 %"),
        (lambda: figures.percent(Decimal("0.98320"), 2), "98.32 %", "98,32 %"),
        (lambda: figures.day(date(2026, 10, 3)), ">3 Oct 2026<", ">3 okt 2026<"),
        (lambda: figures.long_day(date(2027, 1, 15)), ">15 January 2027<", ">15 januari 2027<"),
        (lambda: figures.short_month(date(2027, 3, 1)), "Mar 27", "mrt 27"),
        (lambda: figures.plain_number(Decimal("2.5000")), "2.5", "2,5"),
        (lambda: figures.plain_number(Decimal("1000.0000")), "1,000", "1.000"),
    ],
)
def test_numbers_and_days_follow_the_language(write, english, dutch):
    with translation.override("en"):
        assert english in write()
    with translation.override("nl"):
        assert dutch in write()


def test_machine_values_do_not_follow_the_language():
    with translation.override("nl"):
        assert 'value="1234.5678"' in figures.points(Decimal("1234.5678"))
        assert 'datetime="2026-11-03"' in figures.day(date(2026, 11, 3))
        assert 'value="12169.56"' in figures.dollars(Fraction("12169.557"))


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 11, 23), date(2026, 11, 23), "23 Nov 2026"),
        (date(2026, 10, 1), date(2026, 10, 31), "1 – 31 Oct 2026"),
        (date(2026, 10, 25), date(2026, 11, 23), "25 Oct – 23 Nov 2026"),
        (date(2025, 11, 24), date(2026, 11, 23), "24 Nov 2025 – 23 Nov 2026"),
        (date(2025, 11, 1), date(2026, 11, 30), "1 Nov 2025 – 30 Nov 2026"),
    ],
)
def test_a_range_is_as_short_as_it_is_clear(first, last, text):
    assert figures.period(Period(first, last)) == text


@pytest.mark.parametrize("write", [figures.points, figures.dollars, figures.percent, figures.decimals, figures.day])
def test_what_is_unknown_is_never_zero(write):
    assert write(None) == '–<span class="sr"> no data</span>'


@pytest.mark.parametrize(
    ("name", "filled"), [("Gold", 1), ("Platinum", 2), ("Diamond", 3), ("Elite", 4), (None, 0), ("Retired tier", 0)]
)
def test_a_tier_mark_is_filled_up_to_the_tier(name, filled):
    mark = figures.tier_mark(name, ("Gold", "Platinum", "Diamond", "Elite"))
    assert mark.count("<rect") == 4
    assert mark.count('class="off"') == 4 - filled


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("total_points", Decimal("1260"), '<data value="1260.0000" title="1,260.0000 points">1,260</data>'),
        ("grr", Decimal("0.85"), '<span class="nowrap">85.0 %</span>'),
        ("certified_people", Decimal("100"), "100"),
        ("tool_usage_mean", Decimal("3.25"), "3.2"),
        ("managed_mrr", Decimal("1500"), '<data value="1500.00" title="US$ 1,500.00">US$ 1,500</data>'),
        ("csr", None, '–<span class="sr"> no data</span>'),
    ],
)
def test_a_requirement_is_written_as_what_it_measures(metric, value, text):
    assert figures.metric_value(metric, value) == text


def test_names_are_escaped():
    assert "<script>" not in figures.tier("<script>", ("<script>",))
    assert "<b>" not in figures.cause_tag("expired", "<b>")
