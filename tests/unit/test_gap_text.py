"""How far a tier is, in words: everything that is missing, rounded up, the certification too."""

from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from program.terms import Metric
from tiers.gap_text import lacking, missing_text, short_of
from tiers.rules import RequirementGap, TierGap

NAME = "Solutions Partner"


def need(metric, have, at_least):
    if have is None:
        return RequirementGap(Metric(metric), None, Decimal(at_least), None, False, False)
    have, at_least = Decimal(have), Decimal(at_least)
    return RequirementGap(Metric(metric), have, at_least, max(Decimal(0), at_least - have), have >= at_least, False)


def target(tier, *needs, certified=True):
    return TierGap(tier, False, certified and all(row.met for row in needs), certified, needs)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (need("total_points", "1220.5499", "1260"), "40 points"),
        (need("total_points", "1259.6", "1260"), "1 point"),
        (need("total_points", "1259.9999", "1260"), "1 point"),
        (need("total_points", "1220", "1260"), "40 points"),
        (need("sourced_points", "319", "320"), "1 sourced point"),
        (need("managed_points", "1.4", "200"), "199 managed points"),
        (need("grr", "0.8181", "0.85"), "3.2 percentage points of GRR"),
        (need("csr", "0.84999", "0.85"), "0.1 percentage points of C$R"),
        (need("grr", None, "0.85"), "data on GRR"),
        (need("certified_people", "99", "100"), "1 certified person"),
        (need("tool_usage_mean", "2.31", "3"), "0.7 of mean tool usage"),
        (need("managed_mrr", "1000", "5000"), "some managed MRR"),
    ],
)
def test_what_a_requirement_lacks(row, text):
    assert missing_text(row) == text


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (target("Diamond", need("total_points", "1220.5499", 1260)), "40 points short of Diamond"),
        (
            target("Gold", need("total_points", "120.6", 160), certified=False),
            "40 points and the Solutions Partner certification short of Gold",
        ),
        (
            target("Gold", need("total_points", 100, 160), need("sourced_points", 30, 40), certified=False),
            "60 points, 10 sourced points and the Solutions Partner certification short of Gold",
        ),
        (
            target(
                "Elite",
                need("total_points", 1221, 3570),
                need("sourced_points", 625, 961),
                need("grr", "0.816", "0.85"),
                need("certified_people", 24, 100),
            ),
            "Elite: 4 requirements missing",
        ),
        (target("Gold", need("total_points", 170, 160)), "Gold is met"),
    ],
)
def test_everything_that_is_missing_is_named_or_counted(gap, text):
    assert short_of(gap, NAME) == text


@given(st.decimals("0", "1259.9999", places=4))
def test_a_gap_is_closed_by_what_the_sentence_names_and_not_by_one_less(have):
    number = int(missing_text(need("total_points", have, 1260)).split()[0].replace(",", ""))
    assert have + number >= 1260 > have + number - 1


def test_numbers_are_written_as_the_reader_does():
    with translation.override("nl"):
        assert missing_text(need("total_points", "0.5", "1260")).startswith("1.260 ")
    assert lacking(target("Gold", certified=False)) == "the certification"
