"""Reading the programme file, and the dated look-ups on it."""

import tomllib
from copy import deepcopy
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from program.rulebook import RuleSet, UnknownCurrencyError, parse_rulebook

D = date.fromisoformat
FILE = Path(__file__).resolve().parents[2] / "program/data/programme.toml"


def mapping() -> dict[str, Any]:
    return deepcopy(tomllib.loads(FILE.read_text(encoding="utf-8")))


def test_the_programme_that_ships(rulebook):
    assert rulebook.name == "HubSpot Solutions Partner Program"
    assert rulebook.partner_certification == "Solutions Partner"
    assert [row.start for row in rulebook.rule_sets] == [D("2022-07-18"), D("2025-07-15"), D("2026-01-15")]
    assert all(row.sample for row in rulebook.rule_sets)
    elite = rulebook.rule_sets[-1].tier("Elite")
    assert elite.by_invitation
    assert [(row.metric, row.value) for row in elite.requirements] == [
        ("total_points", 3570),
        ("sourced_points", 960),
        ("grr", Decimal("0.85")),
        ("certified_people", 100),
    ]
    assert (rulebook.commission.rate, rulebook.commission.start) == (Decimal("0.20"), D("2023-04-01"))


@pytest.mark.parametrize(
    ("currency", "on", "per_unit"),
    [
        ("EUR", "1999-01-01", "75"),
        ("EUR", "2025-07-14", "75"),
        ("EUR", "2025-07-15", "88"),
        ("GBP", "2025-07-14", "62.50"),
        ("USD", "2026-01-01", "100"),
    ],
)
def test_the_currency_table_of_the_day(rulebook, currency, on, per_unit):
    assert rulebook.per_unit(currency, D(on)) == Decimal(per_unit)


@pytest.mark.parametrize(
    ("start", "day", "first"),
    [
        ((1, 1), "2026-11-23", "2026-01-01"),
        ((3, 1), "2026-11-23", "2026-03-01"),
        ((3, 1), "2024-02-29", "2023-03-01"),
        ((11, 23), "2026-11-23", "2026-11-23"),
        ((11, 24), "2026-11-23", "2025-11-24"),
    ],
)
def test_a_programme_year_begins_on_the_day_the_programme_says(rulebook, start, day, first):
    assert replace(rulebook, year_start=start).programme_year(D(day)) == D(first)


def test_units_are_exact(rulebook):
    assert rulebook.unit(Decimal(100), "EUR", D("2025-07-14")) == Fraction(4, 3)
    assert rulebook.points_dollars(Decimal("0.01"), "JPY", D("2024-01-01")) == Fraction(1, 12000)


def test_an_unknown_currency_is_an_error_that_names_it(rulebook):
    with pytest.raises(UnknownCurrencyError, match=r"currency table of 2025-07-15 .* CHF") as caught:
        rulebook.unit(Decimal(1), "CHF", D("2026-01-01"))
    assert isinstance(caught.value, ValueError)


def test_before_the_first_table_the_first_one_counts(rulebook):
    late = replace(
        rulebook, currency_tables=rulebook.currency_tables[1:], sold_rates=rulebook.sold_rates[1:], growth_markets=()
    )
    assert late.per_unit("EUR", D("2020-01-01")) == 88
    assert late.rate("sourced", D("2020-01-01")) == 5
    assert late.factor("IN", D("2026-01-01")) == 1
    assert late.market_factor(True, D("2026-01-01")) == 1


@pytest.mark.parametrize(
    ("origin", "sold_on", "rate"),
    [
        ("sourced", "2024-02-26", 3),
        ("assisted", "2024-02-26", 3),
        ("none", "2024-02-26", 0),
        ("sourced", "2024-02-27", 5),
        ("assisted", "2024-02-27", 3),
        ("none", "2024-02-27", 0),
    ],
)
def test_rates_follow_the_day_the_line_was_sold(rulebook, origin, sold_on, rate):
    assert rulebook.rate(origin, D(sold_on)) == rate


@pytest.mark.parametrize(
    ("country", "on", "factor"), [("IN", "2022-07-17", 1), ("IN", "2022-07-18", 2), ("JP", "2026-01-01", 1)]
)
def test_growth_markets(rulebook, country, on, factor):
    assert rulebook.factor(country, D(on)) == factor


def test_rule_sets_by_day(rulebook):
    assert rulebook.rule_set(D("2022-07-17")) is None
    assert rulebook.rule_set(D("2025-07-14")).start == D("2022-07-18")
    assert rulebook.rule_set(D("2025-07-15")).start == D("2025-07-15")


def test_rules_may_come_in_any_order(rulebook):
    turned = replace(
        rulebook,
        rule_sets=rulebook.rule_sets[::-1],
        currency_tables=rulebook.currency_tables[::-1],
        sold_rates=rulebook.sold_rates[::-1],
    )
    assert turned == rulebook


def test_reviews(rulebook):
    found = rulebook.reviews_between(D("2025-07-15"), D("2026-07-15"))
    assert [(row.on, row.window_start) for row in found] == [
        (D("2025-07-15"), D("2025-02-15")),
        (D("2026-01-15"), D("2025-08-15")),
        (D("2026-07-15"), D("2026-02-15")),
    ]
    assert found[1].readings == tuple(
        map(D, ("2025-08-15", "2025-09-15", "2025-10-15", "2025-11-15", "2025-12-15", "2026-01-15"))
    )


@pytest.mark.parametrize(
    ("after", "review"),
    [("2026-01-14", "2026-01-15"), ("2026-01-15", "2026-07-15"), ("2026-07-15", "2027-01-15")],
)
def test_the_next_review_is_strictly_after(rulebook, after, review):
    assert rulebook.next_review(D(after)).on == D(review)


def test_a_programme_without_reviews(rulebook):
    assert replace(rulebook, reviews=()).next_review(D("2026-01-15")) is None


def _set(path: str, value: object) -> Any:
    def change(top: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        at: Any = top
        for key in parents:
            at = at[int(key)] if key.isdigit() else at[key]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda top: top.pop("name"), r"programme: name is missing"),
        (_set("name", 3), r"name is 3; accepted: a text"),
        (_set("unit_usd", 0), r"unit_usd is 0; accepted: .*above 0"),
        (_set("unit_usd", 100.0), r"unit_usd is 100\.0; accepted: a whole number or a quoted decimal"),
        (_set("commission/rate", "a fifth"), r"programme\.commission: rate is 'a fifth'"),
        (_set("commission/rate", "NaN"), r"rate is 'NaN'"),
        (_set("commission/from", "2023-04-01"), r"from is '2023-04-01'; accepted: a date"),
        (_set("commission", 3), r"programme\.commission: expected a table"),
        (_set("sold_life_months", 0), r"sold_life_months is 0; accepted: a whole number of at least 1"),
        (_set("hold_months", True), r"hold_months is True"),
        (_set("sold_rate", []), r"at least 1 \[\[sold_rate\]\]"),
        (_set("currency_table/1/amounts/EUR", "0"), r"currency_table\[2\]\.amounts: EUR is '0'"),
        (_set("currency_table/1/from", date(1900, 1, 1)), r"currency_table: two of them start on 1900-01-01"),
        (_set("growth_market/0/countries", "IN"), r"growth_market\[1\]: countries is 'IN'"),
        (_set("review/0/month", 13), r"review\[1\]: month 13, day 15 is not a day of every year"),
        (_set("review/0/window_start", {"month": 2, "day": 29}), r"month 2, day 29"),
        (_set("rule_set/0/sample", "yes"), r"rule_set\[1\]: sample is 'yes'; accepted: true or false"),
        (
            _set("rule_set/0/tier/0/requirements/points", 3),
            r"tier\[1\]: unknown metric 'points'; accepted: total_points",
        ),
        (_set("rule_set/0/tier/1/name", "Gold"), r"tier\[2\]: the tier 'Gold' occurs twice"),
        (_set("rule_set/0/tier/0/requirements/total_points", -1), r"requirements: total_points is -1"),
    ],
)
def test_every_mistake_in_the_file_is_named(change, message):
    top = mapping()
    change(top)
    with pytest.raises(ValueError, match=message):
        parse_rulebook(top)


def test_places_of_tiers(rulebook):
    rule_set = rulebook.rule_sets[0]
    assert isinstance(rule_set, RuleSet)
    assert [rule_set.place(name) for name in ("Gold", "Elite", "Bronze")] == [0, 3, None]
    assert rule_set.tier("Bronze") is None


@pytest.mark.parametrize("missing", ["currency_tables", "sold_rates"])
def test_a_rulebook_needs_a_table_and_a_rate(rulebook, missing):
    with pytest.raises(ValueError, match="needs at least one"):
        replace(rulebook, **{missing: ()})
