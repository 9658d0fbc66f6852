"""What the front page says about a review, a target and a range: a sentence for each way that things can stand."""

from datetime import date
from decimal import Decimal

import pytest

from dashboard import front_page_text
from ledger.queries import Changes, Counter
from ledger.series import PointTotals
from partner_portal.lib.dates.periods import Period
from program.rulebook import ReviewDay
from program.terms import Metric, ReviewResult
from tiers.rules import (
    Change,
    Credited,
    OutlookReading,
    RequirementGap,
    ReviewOutlook,
    TierGap,
)

REVIEW = ReviewDay(date(2027, 1, 15), date(2026, 8, 15))


def need(metric, have, at_least, *, binding=False):
    have = None if have is None else Decimal(have)
    missing = None if have is None else max(Decimal(0), Decimal(at_least) - have)
    return RequirementGap(Metric(metric), have, Decimal(at_least), missing, missing == 0, binding)


def target(*needs, tier="Diamond", certified=True, by_invitation=False):
    return TierGap(tier, by_invitation, certified and all(each.met for each in needs), certified, needs)


def outlook(
    *met, credited="Diamond", after="Diamond", kind=ReviewResult.KEPT, since=date(2025, 3, 4), gap=None, to_come=2
):
    readings = tuple(
        OutlookReading(on, "Gold", on in met, place >= 6 - to_come, gap) for place, on in enumerate(REVIEW.readings)
    )
    row = Change(REVIEW.on, kind, credited, after if kind == ReviewResult.FALL else credited, "") if credited else None
    return ReviewOutlook(REVIEW, Credited(credited, since), after, readings, row, ())


SHORT = target(need("total_points", 1184, 1260, binding=True), need("sourced_points", 356, 320))


@pytest.mark.parametrize(
    ("gap", "first", "rest"),
    [
        (
            SHORT,
            "Diamond is 76 points away.",
            "Total points holds you back: 6.0% to go. Already met: sourced points.",
        ),
        (target(need("total_points", 1260, 1260)), "Diamond is met on every requirement.", ""),
        (
            target(need("total_points", 4000, 3570), tier="Elite", by_invitation=True),
            "Elite is met on every requirement.",
            "It is credited by invitation only.",
        ),
        (target(need("total_points", 1260, 1260), certified=False), "Diamond lacks only the certification.", ""),
        (
            target(need("grr", None, "0.85", binding=True)),
            "Diamond cannot be met: there is no data on Gross revenue retention (GRR).",
            "",
        ),
        (
            target(need("grr", "0.816", "0.85", binding=True)),
            "Diamond is 3.4 percentage points of GRR away.",
            "Gross revenue retention (GRR) holds you back: 4.0% to go.",
        ),
        (
            target(need("certified_people", 99, 100, binding=True)),
            "Diamond is 1 certified person away.",
            "Certified people holds you back: 1.0% to go.",
        ),
    ],
)
def test_how_far_a_target_is(gap, first, rest):
    assert front_page_text.distance(gap) == (first, rest)


def test_amounts_of_money_are_never_named_in_a_sentence():
    gap = target(need("managed_mrr", 1000, 5000, binding=True))
    assert "4,000" not in " ".join(front_page_text.distance(gap))
    assert front_page_text.missing_text(gap.binding) == "some managed MRR"


@pytest.mark.parametrize(
    ("given", "effect", "reason"),
    [
        (
            outlook(after="Platinum", kind=ReviewResult.FALL, gap=SHORT),
            "falls to Platinum",
            "No reading in this window has met Diamond; one of the two left would keep it.",
        ),
        (
            outlook(after="Platinum", kind=ReviewResult.FALL, gap=SHORT, to_come=1),
            "falls to Platinum",
            "No reading in this window has met Diamond; the one left would keep it.",
        ),
        (
            outlook(date(2026, 8, 15), date(2026, 10, 15)),
            "stays Diamond",
            "Diamond is met in the reading of 15 August and 15 October.",
        ),
        (
            outlook(since=date(2026, 9, 1)),
            "stays Diamond",
            "Diamond has been credited since 1 Sep 2026, too short to fall.",
        ),
        (
            outlook(after=None, kind=ReviewResult.FALL, gap=target(need("total_points", 1, 1260), certified=False)),
            "falls to Untiered",
            "No certification would be valid on the day.",
        ),
        (
            outlook(credited=None, after=None),
            "stays Untiered",
            "There is nothing to review: a tier is credited on the day its requirements are met.",
        ),
        (
            outlook(credited=None, after="Gold", kind=ReviewResult.RISE),
            "rises to Gold",
            "There is nothing to review: a tier is credited on the day its requirements are met.",
        ),
    ],
)
def test_what_the_review_would_do_and_why(given, effect, reason):
    assert front_page_text.review_effect(given) == effect
    assert front_page_text.review_reason(given) == reason


@pytest.mark.parametrize(
    ("gap", "note"),
    [
        (SHORT, "76 short"),
        (target(need("sourced_points", 300, 320, binding=True)), "20 sourced points short"),
        (target(need("total_points", 1260, 1260)), "met"),
        (target(need("total_points", 1260, 1260), certified=False), "not certified"),
        (target(need("csr", None, "0.85", binding=True)), "no data"),
        (None, ""),
    ],
)
def test_a_reading_says_how_short_it_is(gap, note):
    assert front_page_text.reading_note(OutlookReading(date(2026, 8, 15), "Gold", False, False, gap)) == note


@pytest.mark.parametrize(
    ("performance", "credited", "sentence"),
    [
        ("Gold", "Gold", "The same as the credited tier."),
        ("Platinum", "Diamond", "One step below the credited tier."),
        (None, "Diamond", "Three steps below the credited tier."),
        ("Elite", "Diamond", "Above the credited tier, which needs an invitation to follow."),
        (None, None, "The same as the credited tier."),
    ],
)
def test_performance_beside_the_credited_tier(performance, credited, sentence):
    assert front_page_text.steps_apart(performance, credited, ("Gold", "Platinum", "Diamond", "Elite")) == sentence


def changes(before, after, causes):
    nothing = Counter(Decimal(0), 0, 0)
    period = Period(date(2026, 10, 25), date(2026, 11, 23))
    totals = (PointTotals(sourced=Decimal(value)) for value in (before, after))
    return Changes(period, *totals, nothing, nothing, nothing, nothing, causes)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            changes(1203, 1184, {"sourced": {"expired": Decimal(-28), "churned": Decimal(-17)}, "managed": {}}),
            (
                "Total points fell by",
                "19",
                ": from 1,203 at the end of 24 Oct to 1,184 on 23 Nov. Most of the loss is points that expired.",
            ),
        ),
        (
            changes(100, 130, {"sourced": {"earned": Decimal(40)}, "managed": {"churned": Decimal(-10)}}),
            (
                "Total points rose by",
                "30",
                ": from 100 at the end of 24 Oct to 130 on 23 Nov. Most of the loss comes from cancellations.",
            ),
        ),
        (changes(100, 100, {"sourced": {}, "managed": {}}), ("Total points stayed at", "100", ". Nothing was lost.")),
        (
            changes("100.2", "100.4", {"sourced": {"earned": Decimal("0.2")}}),
            (
                "Total points rose by",
                "0.2",
                ": from 100.2 at the end of 24 Oct to 100.4 on 23 Nov. Nothing was lost.",
            ),
        ),
        (
            changes("100.4", "99.5", {"sourced": {"expired": Decimal("-0.9")}}),
            (
                "Total points fell by",
                "0.9",
                ": from 100.4 at the end of 24 Oct to 99.5 on 23 Nov. Most of the loss is points that expired.",
            ),
        ),
    ],
)
def test_what_a_range_did_to_the_total(given, sentence):
    assert front_page_text.net_change(given) == sentence
