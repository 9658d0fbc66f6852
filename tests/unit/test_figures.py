"""How figures are written: rounding only for the eye, the exact value beside it, in English and in Dutch."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from partner_portal.formats import days, elements, numbers
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.shown_places import adding_places
from program import markup
from program.terms import Metric
from tiers.rules import RequirementGap


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("12.5"), '<data value="12.5000" title="12.5000 points">12</data>'),
        (Decimal("13.5000"), '<data value="13.5000" title="13.5000 points">14</data>'),
        (Decimal("1234.0467"), '<data value="1234.0467" title="1,234.0467 points">1,234</data>'),
        (Decimal("-69.5910"), '<data value="-69.5910" title="−69.5910 points">−70</data>'),
        (Decimal("-0.4800"), '<data value="-0.4800" title="−0.4800 points">−0.5</data>'),
        (Fraction(1, 3), '<data value="0.3333" title="0.3333 points">0.3</data>'),
        (Decimal("0.2296"), '<data value="0.2296" title="0.2296 points">0.2</data>'),
        (Decimal("-0.0003"), '<data value="-0.0003" title="−0.0003 points">−0.0003</data>'),
        (Decimal("-0.0000"), '<data value="0.0000" title="0.0000 points">0</data>'),
        (Decimal("0.5"), '<data value="0.5000" title="0.5000 points">0.5</data>'),
        (None, '–<span class="sr"> no data</span>'),
    ],
)
def test_points_are_whole_with_the_exact_value_beside_them(value, written):
    assert elements.points(value) == written


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("17.0923"), ">+17<"), (Decimal("-28.2743"), ">−28<"), (Decimal(0), ">0<")]
)
def test_signed_points_have_a_sign_unless_nothing_is_left_of_them(value, text):
    assert text in elements.signed_points(value)


@pytest.mark.parametrize(
    ("write", "english", "dutch"),
    [
        (lambda: elements.points(Decimal("1234.5678")), ">1,235<", ">1.235<"),
        (lambda: elements.points(Decimal("1234.5678")), 'title="1,234.5678 ', 'title="1.234,5678 '),
        (lambda: elements.money(Decimal("1768.00"), "ZAR"), "ZAR 1,768.00", "ZAR 1.768,00"),
        (lambda: elements.money(Decimal("-37.70"), "EUR"), "−EUR 37.70", "−EUR 37,70"),
        (lambda: elements.dollars(Fraction("12169.557")), "US$12,170", "US$ 12.170"),
        (lambda: elements.dollars(Fraction("12169.557")), 'title="US$12,169.56"', 'title="US$ 12.169,56"'),
        (lambda: elements.percent(Decimal("0.86175")), "86.2%", "86,2%"),
        (lambda: elements.percent(Decimal("0.98320"), 2), "98.32%", "98,32%"),
        (lambda: elements.day(date(2026, 10, 3)), ">3 Oct 2026<", ">3 okt 2026<"),
        (lambda: elements.long_day(date(2027, 1, 15)), ">15 January 2027<", ">15 januari 2027<"),
        (lambda: days.short_month(date(2027, 3, 1)), "Mar 27", "mrt 27"),
        (lambda: numbers.plain_number(Decimal("2.5000")), "2.5", "2,5"),
        (lambda: numbers.plain_number(Decimal("1000.0000")), "1,000", "1.000"),
    ],
)
def test_numbers_and_days_follow_the_language(write, english, dutch):
    with translation.override("en"):
        assert english in write()
    with translation.override("nl"):
        assert dutch in write()


def test_machine_values_do_not_follow_the_language():
    with translation.override("nl"):
        assert 'value="1234.5678"' in elements.points(Decimal("1234.5678"))
        assert 'datetime="2026-11-03"' in elements.day(date(2026, 11, 3))
        assert 'value="12169.56"' in elements.dollars(Fraction("12169.557"))


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
    assert days.period_text(Period(first, last)) == text


@pytest.mark.parametrize(
    "write", [elements.points, elements.dollars, elements.percent, elements.decimals, elements.day]
)
def test_what_is_unknown_is_never_zero(write):
    assert write(None) == '–<span class="sr"> no data</span>'


@pytest.mark.parametrize(
    ("name", "filled"), [("Gold", 1), ("Platinum", 2), ("Diamond", 3), ("Elite", 4), (None, 0), ("Retired tier", 0)]
)
def test_a_tier_mark_is_filled_up_to_the_tier(name, filled):
    mark = markup.tier_mark(name, ("Gold", "Platinum", "Diamond", "Elite"))
    assert mark.count("<rect") == 4
    assert mark.count('class="off"') == 4 - filled


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("total_points", Decimal("1260"), '<data value="1260.0000" title="1,260.0000 points">1,260</data>'),
        ("grr", Decimal("0.85"), '<span class="nowrap">85.0%</span>'),
        ("certified_people", Decimal("100"), "100"),
        ("tool_usage_mean", Decimal("3.25"), "3.2"),
        ("managed_mrr", Decimal("1500"), '<data value="1500.00" title="US$1,500.00">US$1,500</data>'),
        ("csr", None, '–<span class="sr"> no data</span>'),
    ],
)
def test_a_requirement_is_written_as_what_it_measures(metric, value, text):
    assert markup.metric_value(Metric(metric), value) == text


def test_names_are_escaped():
    assert "<script>" not in markup.tier("<script>", ("<script>",))
    assert "<b>" not in markup.swatch("<b>")


def need(metric, have, at_least):
    have, at_least = Decimal(have), Decimal(at_least)
    return RequirementGap(Metric(metric), have, at_least, max(Decimal(0), at_least - have), have >= at_least, False)


def shown(markup):
    return Decimal(re.sub(r"<[^>]+>|,|US\$| |%", "", str(markup)))


@pytest.mark.parametrize(
    ("metric", "have", "at_least", "written"),
    [
        ("total_points", "1220.5499", "1260", ("1,220.5", "39.5")),
        ("total_points", "1259.9999", "1260", ("1,259.9", "0.1")),
        ("total_points", "1220", "1260", ("1,220", "40")),
        ("total_points", "940.7494", "1260", ("940.7", "319.3")),
        ("certified_people", "99", "100", ("99", "1")),
    ],
)
def test_what_there_is_is_rounded_down_and_what_is_missing_up(metric, have, at_least, written):
    gap = need(metric, have, at_least)
    assert (
        tuple(re.sub(r"<[^>]+>", "", f"{tag(gap)}") for tag in (markup.metric_have, markup.metric_missing)) == written
    )


@given(
    st.sampled_from(["total_points", "sourced_points", "grr", "sold_mrr_12m", "tool_usage_mean"]),
    st.decimals("0.0001", "3000", places=4),
    st.integers(1, 4000),
)
def test_have_and_missing_read_as_the_need_and_a_gap_never_as_0(metric, have, at_least):
    gap = need(metric, have, at_least)
    if gap.met:
        return
    missing = shown(markup.metric_missing(gap))
    assert missing > 0
    assert shown(markup.metric_have(gap)) + missing == at_least * (100 if metric == "grr" else 1)


@pytest.mark.parametrize(
    ("total", "parts", "places"),
    [
        ("23.5181", ("18.6421", "4.8760"), 1),  # 18.6 + 4.9 = 23.5; as whole points 19 + 5 = 24
        ("23.4", ("18.64", "4.76"), 1),
        ("23.58", ("18.64", "4.94"), 2),  # 18.6 + 4.9 is not 23.6
        ("1235.0467", ("1200.4", "34.6467"), 0),
        ("1235.9", ("1200.45", "35.45"), 2),
        ("150", ("149.9998", "0.0002"), 4),  # a part that exists never reads as 0
        ("0", ("0", "0"), 0),
    ],
)
def test_parts_are_shown_with_as_many_decimals_as_add_up(total, parts, places):
    assert adding_places(Decimal(total), list(map(Decimal, parts))) == places


@given(st.lists(st.decimals("0", "2000", places=4), min_size=1, max_size=5))
def test_any_parts_read_as_their_sum(parts):
    total = sum(parts)
    places = adding_places(total, parts)
    written = [shown(elements.points_to(part, places)) for part in parts]
    assert sum(written) == shown(elements.points_to(total, places))
    assert all(bool(text) == bool(part) for text, part in zip(written, parts, strict=True))


@given(st.decimals("-9999", "9999", places=4))
def test_nothing_that_exists_reads_as_0_and_0_has_no_minus(value):
    for write in (elements.points, elements.close_points, elements.signed_points, elements.signed_close_points):
        text = re.sub(r"<[^>]+>|,", "", str(write(value)))
        assert bool(Decimal(text.replace("−", "-"))) == bool(value)
    assert numbers.whole(Decimal("-0.0000")) == numbers.signed_whole(Decimal("-0.0")) == "0"


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("39.4501", "51.2", ("40", "52")),
        ("181.6", "181.9", ("181.6", "181.9")),  # 182 -> 182 says nothing
        ("0", "0.2", ("0", "1")),
    ],
)
def test_two_gaps_beside_each_other_read_as_two(before, after, written):
    first, second = Decimal(before), Decimal(after)
    assert (numbers.gap_points(first, second), numbers.gap_points(second, first)) == written


def test_amounts_and_ratios_below_what_is_shown_keep_their_decimals():
    assert ">US$0.40<" in elements.dollars(Decimal("0.4"))
    assert "0.04%" in elements.percent(Decimal("0.0004"))
    assert ">US$0<" in elements.dollars(Decimal("-0.00"))
