"""Ranges of days that an address names, what they are compared with, and the control that changes them."""

from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from partner_portal.lib.dates.periods import Period
from partner_portal.lib.dates.ranges import Difference, chosen_period, compared, section_parameters, valid_parameters
from partner_portal.lib.web.range_control import RangeControl

TODAY = date(2026, 11, 23)
STARTS = date(2022, 7, 18)


def chosen(query, today=TODAY, **kwargs):
    return chosen_period(query, prefix="x_", today=today, **kwargs)


def base(query, today=TODAY):
    return compared(query, chosen(query, today), starts=STARTS).base


@pytest.mark.parametrize(
    ("preset", "today", "before"),
    [
        ("last-7-days", TODAY, ("2026-11-10", "2026-11-16")),
        ("last-30-days", TODAY, ("2026-09-25", "2026-10-24")),
        ("last-12-months", TODAY, ("2024-11-24", "2025-11-23")),
        ("this-month", TODAY, ("2026-10-01", "2026-10-23")),
        ("this-month", date(2026, 3, 31), ("2026-02-01", "2026-02-28")),
        ("previous-month", TODAY, ("2026-09-01", "2026-09-30")),
        ("previous-month", date(2026, 1, 5), ("2025-11-01", "2025-11-30")),
        ("this-quarter", TODAY, ("2026-07-01", "2026-08-23")),
        ("previous-quarter", TODAY, ("2026-04-01", "2026-06-30")),
        ("this-year", TODAY, ("2025-01-01", "2025-11-23")),
        ("this-year", date(2024, 2, 29), ("2023-01-01", "2023-03-01")),
        ("previous-year", TODAY, ("2024-01-01", "2024-12-31")),
    ],
)
def test_the_range_before_is_the_unit_before_or_as_many_days(preset, today, before):
    assert base({"x_range": preset, "x_cmp": "prev"}, today) == Period(*map(date.fromisoformat, before))


def test_a_custom_range_is_compared_with_as_many_days_before_it_even_when_it_is_a_month():
    query = {"x_from": "2026-10-01", "x_to": "2026-10-31", "x_cmp": "prev"}
    assert base(query) == Period(date(2026, 8, 31), date(2026, 9, 30))


def test_a_year_earlier_has_the_same_dates_and_29_february_becomes_the_28th():
    leap = {"x_from": "2024-02-29", "x_to": "2024-03-10", "x_cmp": "year"}
    assert base(leap) == Period(date(2023, 2, 28), date(2023, 3, 10))
    assert base({"x_range": "previous-month", "x_cmp": "year"}) == Period(date(2025, 10, 1), date(2025, 10, 31))


@pytest.mark.parametrize("query", [{}, {"x_cmp": "none"}, {"x_cmp": ""}, {"cmp": "prev"}])
def test_without_being_asked_nothing_is_compared(query):
    found = compared(query, chosen(query), starts=STARTS)
    assert (found.how, found.base, found.problem) == ("none", None, "")
    assert found.difference(3, 2) is None


def test_an_unknown_comparison_says_so_and_compares_with_nothing():
    found = compared({"x_cmp": "decade"}, chosen({}), starts=STARTS)
    assert found.base is None
    assert "“decade”" in found.problem


@pytest.mark.parametrize("starts", [None, date(2026, 9, 26), date(2027, 1, 1)])
def test_a_base_that_begins_before_the_data_is_no_data_and_not_nothing(starts):
    query = {"x_cmp": "prev"}  # 25 Sep to 24 Oct
    found = compared(query, chosen(query), starts=starts)
    assert found.base == Period(date(2026, 9, 25), date(2026, 10, 24))
    assert not found.known
    assert found.difference(Decimal(5), Decimal(0)) == Difference(None, None)


def test_a_base_that_begins_with_the_data_is_known_and_nothing_is_a_number():
    query = {"x_cmp": "prev"}
    found = compared(query, chosen(query), starts=date(2026, 9, 25))
    assert found.difference(Decimal(5), Decimal(0)) == Difference(Decimal(0), Decimal(5))


def test_names_without_prefix_are_every_sections_where_it_names_none_of_its_own():
    query = {"range": "this-year", "cmp": "year", "y_range": "last-7-days"}
    assert chosen(section_parameters(query, "x_")).preset == "this-year"
    assert chosen_period(section_parameters(query, "y_"), prefix="y_", today=TODAY).preset == "last-7-days"
    assert section_parameters(query, "y_")["y_cmp"] == "year"  # a range of its own, the comparison of all
    own = {"range": "this-year", "x_from": "2026-01-01", "x_to": "2026-01-02"}
    assert chosen(section_parameters(own, "x_")).period == Period(date(2026, 1, 1), date(2026, 1, 2))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"x_range": "this-month"}, {"x_range": "this-month"}),
        ({"x_range": "review-window"}, {"x_range": "review-window"}),
        ({"x_range": "bogus"}, {}),
        ({"x_range": "bogus", "x_cmp": "year"}, {"x_cmp": "year"}),
        ({"x_range": "this-year", "x_cmp": "prev"}, {"x_range": "this-year", "x_cmp": "prev"}),
        ({"x_range": "this-year", "x_cmp": "none"}, {"x_range": "this-year"}),
        ({"x_range": "this-year", "x_cmp": "decade"}, {"x_range": "this-year"}),
        ({"x_from": "2026-01-01", "x_to": "2026-01-31"}, {"x_from": "2026-01-01", "x_to": "2026-01-31"}),
        ({"x_from": "2026-02-01", "x_to": "2026-01-31"}, {}),
        ({"x_from": "2026-02-01"}, {}),
        ({"x_from": "2026-02-30", "x_to": "2026-03-31"}, {}),
        ({}, {}),
    ],
)
def test_only_a_range_that_can_be_is_a_named_one(query, named):
    assert valid_parameters(query, "x_") == named


@pytest.mark.parametrize("spelling", ["20261101", "2026-W44-7", "2026-305", " 2026-11-1"])
def test_a_day_has_one_spelling(spelling):
    found = chosen({"x_from": spelling, "x_to": "2026-11-20"})
    assert found.preset == "last-30-days"
    assert "is not a range of days" in found.problem


def test_a_programme_range_without_days_says_so_by_its_name():
    assert chosen({"x_range": "review-window"}).problem == "“This review window” has no days now."
    assert chosen({"x_range": "bogus"}).problem == "There is no range called “bogus”."


def parameters(address):
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


def control(query, **kwargs):
    own = section_parameters(query, "x_")
    picked = chosen(own)
    comparison = compared(own, picked, starts=STARTS)
    return RangeControl(
        "/p/", query, picked, target="x", comparison=comparison, sections=("x_", "y_"), starts=STARTS, **kwargs
    )


def test_a_new_range_keeps_the_rest_and_starts_on_the_first_page():
    found = control({"x_range": "this-month", "x_cmp": "prev", "target": "gold", "page": "3"})
    (week,) = [each for _heading, choices in found.groups for each in choices if each.label == "Last 7 days"]
    assert parameters(week.address) == {"x_range": "last-7-days", "x_cmp": "prev", "target": "gold"}
    assert found.other_parameters == [("x_cmp", "prev"), ("target", "gold")]
    assert found.htmx_target == "x"
    assert parameters(found.base_address) == {
        "x_from": "2026-10-01",
        "x_to": "2026-10-23",
        "x_cmp": "prev",
        "target": "gold",
    }


def test_the_switch_makes_a_sections_range_everybodys_and_hands_it_back():
    apart = control({"x_range": "this-month", "x_cmp": "prev", "y_range": "this-year", "z_range": "next-30-days"})
    assert not apart.sharing.current
    assert parameters(apart.sharing.address) == {"range": "this-month", "cmp": "prev", "z_range": "next-30-days"}
    shared = control(parameters(apart.sharing.address))
    assert shared.sharing.current
    assert parameters(shared.sharing.address) == {
        "x_range": "this-month", "x_cmp": "prev", "y_range": "this-month", "y_cmp": "prev", "z_range": "next-30-days",
    }  # fmt: skip


def test_while_sections_share_a_range_a_new_one_is_that_of_all_and_the_page_is_loaded():
    found = control({"range": "this-month"})
    assert (found.htmx_target, found.prefix) == ("", "")
    addresses = [each.address for _heading, choices in found.groups for each in choices] + [
        each.address for each in found.bases
    ]
    assert all(address.endswith("#x") for address in addresses)
    assert parameters(addresses[0]) == {"range": "last-7-days"}
    assert parameters(addresses[-1]) == {"range": "this-month", "cmp": "year"}
    custom = control({"from": "2026-10-01", "to": "2026-10-31"})
    assert parameters(custom.sharing.address) == {
        "x_from": "2026-10-01", "x_to": "2026-10-31", "y_from": "2026-10-01", "y_to": "2026-10-31",
    }  # fmt: skip
