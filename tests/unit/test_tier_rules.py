"""Performance, gaps, the credited tier through time and the next review (`docs/points.md` 7 and 12)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ledger.series import PointSeries
from program.rulebook import Requirement, Rulebook, RuleSet, Tier
from program.terms import Metric
from tiers.reason_text import reason_text
from tiers.reasons import MetRequirement, Rose
from tiers.rules import (
    Change,
    Credited,
    CreditedTier,
    Invitation,
    PortfolioMeasures,
    gap,
    next_tier,
    performance,
    review_outlook,
    targets,
)

D = date.fromisoformat
ALWAYS = ("1900-01-01", "2999-01-01")


def measured(
    totals: dict[str, int], *, certified: tuple[str, str] = ALWAYS, others: dict[str, object] | None = None
) -> PortfolioMeasures:
    """Measures with these sourced (and total) points from these days on."""
    rows, before = [], 0
    for day, total in sorted(totals.items()):
        rows.append((D(day), "sourced", Decimal(total - before)))
        before = total
    return PortfolioMeasures(
        PointSeries(rows),
        lambda on: D(certified[0]) <= on < D(certified[1]),
        {metric: (lambda on, value=value: value) for metric, value in (others or {}).items()},
    )


def tier(name: str, total: int, *, by_invitation: bool = False) -> Tier:
    return Tier(name, (Requirement(Metric.TOTAL_POINTS, Decimal(total)),), by_invitation)


def simple(rulebook: Rulebook, *tiers: Tier, start: str = "2024-01-01") -> Rulebook:
    return replace(rulebook, rule_sets=(RuleSet(D(start), "Simple", tiers, sample=True),))


BRONZE, SILVER, TOP = tier("Bronze", 10), tier("Silver", 20), tier("Top", 30, by_invitation=True)


def history(rulebook: Rulebook, measures: PortfolioMeasures, until: str, *invitations: Invitation) -> list[tuple]:
    walk = CreditedTier(measures, rulebook, invitations)
    first_day = min((days[0] for days in measures.points.days.values() if days), default=None)
    return [(row.on.isoformat(), row.kind, row.before, row.after) for row in walk.history(first_day, D(until))]


class TestPerformance:
    def test_all_requirements_of_a_tier_must_hold(self, rulebook):
        on = D("2026-02-01")
        series = PointSeries([(on, "sourced", Decimal("39.9999")), (on, "managed", Decimal(1000))])
        measures = PortfolioMeasures(series, lambda on: True)
        assert performance(measures, rulebook, on) is None
        met = PortfolioMeasures(
            PointSeries([(on, "sourced", Decimal(40)), (on, "managed", Decimal(120))]), lambda on: True
        )
        assert performance(met, rulebook, on) == "Gold"

    def test_without_the_certification_there_is_no_tier(self, rulebook):
        measures = measured({"2026-01-01": 5000}, certified=("2026-02-01", "2026-03-01"))
        assert [performance(measures, rulebook, D(day)) for day in ("2026-01-31", "2026-02-01", "2026-03-01")] == [
            None,
            "Diamond",
            None,
        ]

    def test_before_the_first_rule_set_there_is_neither_tier_nor_target(self, rulebook):
        measures = measured({"2022-01-01": 5000})
        assert performance(measures, rulebook, D("2022-07-17")) is None
        assert targets(measures, rulebook, D("2022-07-17")) == ()
        assert next_tier(measures, rulebook, D("2022-07-17")) is None

    def test_no_data_does_not_meet_a_requirement(self, rulebook):
        on = D("2026-02-01")
        people = {"certified_people": 120}
        assert performance(measured({"2026-01-01": 4000}, others=people), rulebook, on) == "Diamond"
        assert (
            performance(measured({"2026-01-01": 4000}, others=people | {"grr": Decimal("0.85")}), rulebook, on)
            == "Elite"
        )

    def test_every_metric_of_the_points(self, rulebook):
        on = D("2026-02-01")
        series = PointSeries([(on, "sourced", Decimal(1)), (on, "assisted", Decimal(2)), (on, "managed", Decimal(4))])
        measures = PortfolioMeasures(series, lambda on: True, {"certified_people": lambda on: 3})
        metrics = ("sourced_points", "sold_points", "managed_points", "total_points", "certified_people", "csr")
        assert [measures.value(Metric(metric), on) for metric in metrics] == [1, 3, 4, 7, 3, None]


class TestGap:
    def test_the_largest_missing_part_is_binding(self, rulebook):
        on = D("2026-02-01")
        series = PointSeries([(on, "sourced", Decimal(100)), (on, "managed", Decimal(200))])
        found = gap(rulebook.rule_set(on).tier("Platinum"), PortfolioMeasures(series, lambda on: True), on)
        # Total 300 of 475 lacks 36.8 %, sourced 100 of 120 lacks 16.7 %.
        assert [(row.metric, row.missing, row.met, row.binding) for row in found.requirements] == [
            ("total_points", 175, False, True),
            ("sourced_points", 20, False, False),
        ]

    def test_no_data_is_wholly_missing(self, rulebook):
        on = D("2026-02-01")
        found = gap(rulebook.rule_set(on).tier("Elite"), measured({"2026-01-01": 4000}), on)
        assert [(row.metric, row.have, row.missing) for row in found.requirements][2:] == [
            ("grr", None, None),
            ("certified_people", None, None),
        ]
        assert found.binding.metric == "grr"

    def test_met_needs_the_certification_but_no_invitation(self, rulebook):
        on = D("2026-02-01")
        others = {"grr": Decimal("0.9"), "certified_people": 100}
        elite = rulebook.rule_set(on).tier("Elite")
        assert gap(elite, measured({"2026-01-01": 4000}, others=others), on).met
        lapsed = gap(elite, measured({"2026-01-01": 4000}, others=others, certified=("1900-01-01", "2026-02-01")), on)
        assert (lapsed.met, lapsed.certified, lapsed.binding) == (False, False, None)

    def test_a_requirement_of_nothing(self, rulebook):
        on = D("2026-02-01")
        none = Tier("Any", (Requirement(Metric.CSR, Decimal(0)),))
        assert gap(none, measured({}), on).binding.metric == "csr"
        assert gap(none, measured({}, others={"csr": Decimal(0)}), on).met

    def test_the_next_tier_is_above_the_performance_tier(self, rulebook):
        on = D("2026-02-01")
        assert next_tier(measured({}), rulebook, on).tier == "Gold"
        assert next_tier(measured({"2026-01-01": 475}), rulebook, on).tier == "Diamond"
        assert next_tier(measured({"2026-01-01": 1260}), rulebook, on).by_invitation
        top = simple(rulebook, BRONZE)
        assert next_tier(measured({"2026-01-01": 10}), top, on) is None


class TestRises:
    def test_a_rise_on_the_day_and_no_fall_between_reviews(self, rulebook):
        rules = simple(rulebook, BRONZE, SILVER, TOP)
        measures = measured({"2024-02-01": 10, "2024-02-05": 25, "2024-02-06": 0})
        assert history(rules, measures, "2024-07-14") == [
            ("2024-02-01", "rise", None, "Bronze"),
            ("2024-02-05", "rise", "Bronze", "Silver"),
        ]

    def test_evaluation_starts_on_the_later_of_first_ledger_day_and_first_rule_set(self, rulebook):
        rules = simple(rulebook, BRONZE)
        assert history(rules, measured({"2023-05-01": 10}), "2024-01-01") == [("2024-01-01", "rise", None, "Bronze")]
        assert history(rules, measured({}), "2024-01-01") == []
        assert history(replace(rulebook, rule_sets=()), measured({"2023-05-01": 10}), "2024-01-01") == []

    def test_a_tier_by_invitation_needs_one(self, rulebook):
        rules = simple(rulebook, BRONZE, SILVER, TOP)
        measures = measured({"2024-02-01": 30})
        assert history(rules, measures, "2024-06-01") == [("2024-02-01", "rise", None, "Silver")]
        assert history(rules, measures, "2024-06-01", Invitation("Top", D("2024-03-01"))) == [
            ("2024-02-01", "rise", None, "Silver"),
            ("2024-03-01", "rise", "Silver", "Top"),
        ]

    def test_a_rise_when_the_certification_comes(self, rulebook):
        rules = simple(rulebook, BRONZE)
        measures = measured({"2024-02-01": 10}, certified=("2024-03-01", "2999-01-01"))
        (row,) = CreditedTier(measures, rules).history(D("2024-02-01"), D("2024-06-01"))
        met = (MetRequirement(Metric.TOTAL_POINTS, Decimal(10), Decimal(10)),)
        assert row == Change(D("2024-03-01"), "rise", None, "Bronze", Rose(met, "Solutions Partner", None))

    def test_a_new_rule_set_can_raise(self, rulebook):
        low = RuleSet(D("2024-03-01"), "Low", (tier("Bronze", 1), tier("Silver", 5)), sample=True)
        rules = simple(rulebook, BRONZE, SILVER)
        rules = replace(rules, rule_sets=(*rules.rule_sets, low))
        assert history(rules, measured({"2024-02-01": 10}), "2024-06-01") == [
            ("2024-02-01", "rise", None, "Bronze"),
            ("2024-03-01", "rise", "Bronze", "Silver"),
        ]


class TestReviews:
    def test_exactly_six_months_are_no_longer_held(self, rulebook):
        rules = simple(rulebook, BRONZE)
        on_the_day = measured({"2024-01-15": 10, "2024-01-16": 0})
        a_day_less = measured({"2024-01-16": 10, "2024-01-17": 0})
        assert history(rules, on_the_day, "2024-07-15")[1:] == [("2024-07-15", "review", "Bronze", None)]
        assert history(rules, a_day_less, "2024-07-15")[1:] == [("2024-07-15", "kept", "Bronze", "Bronze")]

    def test_the_hold_shields_from_a_lapsed_certification(self, rulebook):
        rules = simple(rulebook, BRONZE)
        measures = measured({"2024-02-01": 10}, certified=("2024-01-01", "2024-07-01"))
        assert history(rules, measures, "2025-01-15")[1:] == [
            ("2024-07-15", "kept", "Bronze", "Bronze"),
            ("2025-01-15", "review", "Bronze", None),
        ]

    def test_one_reading_on_the_first_or_last_day_of_the_window_is_enough(self, rulebook):
        rules = simple(rulebook, BRONZE, SILVER)
        first = measured({"2024-01-01": 20, "2024-08-16": 0})
        last = measured({"2024-01-01": 20, "2024-08-01": 0, "2025-01-15": 20})
        between = measured({"2024-01-01": 20, "2024-08-01": 0, "2024-08-16": 20, "2024-09-15": 10})
        assert history(rules, first, "2025-01-15")[-1] == ("2025-01-15", "kept", "Silver", "Silver")
        assert history(rules, last, "2025-01-15")[-1] == ("2025-01-15", "kept", "Silver", "Silver")
        assert history(rules, between, "2025-01-15")[-1] == ("2025-01-15", "review", "Silver", "Bronze")

    def test_a_fall_starts_a_new_hold(self, rulebook):
        rules = simple(rulebook, BRONZE, SILVER)
        measures = measured({"2024-01-01": 20, "2024-08-01": 10, "2025-01-20": 0})
        assert history(rules, measures, "2026-01-15")[3:] == [
            ("2025-01-15", "review", "Silver", "Bronze"),
            ("2025-07-15", "review", "Bronze", None),
        ]

    def test_the_review_comes_before_the_rise_of_the_day(self, rulebook):
        rules = simple(rulebook, BRONZE, SILVER)
        measures = measured({"2024-01-01": 10, "2024-07-15": 20})
        assert history(rules, measures, "2024-07-15")[2:] == [
            ("2024-07-15", "kept", "Bronze", "Bronze"),
            ("2024-07-15", "rise", "Bronze", "Silver"),
        ]

    def test_an_untiered_partner_is_not_reviewed(self, rulebook):
        rules = simple(rulebook, BRONZE)
        assert history(rules, measured({"2024-01-01": 1}), "2026-01-15") == []
        review = rulebook.next_review(D("2024-01-01"))
        with pytest.raises(ValueError, match="nothing to review"):
            CreditedTier(measured({}), rules).review(Credited(None, None), review)

    def test_tiers_are_compared_by_their_place_in_the_rule_set_of_the_day(self, rulebook):
        # Readings up to November count under the old order, later ones under a set that begins with Silver.
        turned = RuleSet(D("2024-12-01"), "Turned", (tier("Silver", 5), tier("Bronze", 50)), sample=True)
        rules = simple(rulebook, BRONZE, SILVER)
        rules = replace(rules, rule_sets=(*rules.rule_sets, turned))
        measures = measured({"2024-01-01": 10, "2024-08-01": 6})
        row = CreditedTier(measures, rules).history(D("2024-01-01"), D("2025-01-15"))[-1]
        assert [reading.performance for reading in row.readings] == [None] * 4 + ["Silver"] * 2
        assert [reading.met for reading in row.readings] == [False] * 6
        assert (row.before, row.after) == ("Bronze", "Silver")

    def test_a_tier_that_a_rule_set_no_longer_knows_keeps_its_place(self, rulebook):
        renamed = RuleSet(D("2024-12-01"), "Renamed", (tier("Bronze", 10), tier("Sterling", 20)), sample=True)
        rules = simple(rulebook, BRONZE, SILVER)
        rules = replace(rules, rule_sets=(*rules.rule_sets, renamed))
        kept = measured({"2024-01-01": 20, "2024-08-01": 0, "2025-01-01": 20})
        assert history(rules, kept, "2025-01-15")[-1] == ("2025-01-15", "kept", "Silver", "Silver")
        lower = measured({"2024-01-01": 20, "2024-08-01": 0, "2025-01-01": 10})
        assert history(rules, lower, "2025-01-15")[-1] == ("2025-01-15", "review", "Silver", "Bronze")


class TestWords:
    def test_two_months_are_named(self, rulebook):
        rules = simple(rulebook, BRONZE)
        measures = measured({"2024-01-01": 10, "2024-10-01": 0})
        row = CreditedTier(measures, rules).history(D("2024-01-01"), D("2025-01-15"))[-1]
        assert reason_text(row.reason) == "Review. Kept, met in August and September."

    def test_nothing_was_met(self, rulebook):
        rules = simple(rulebook, BRONZE)
        measures = measured({"2024-01-01": 10, "2024-08-01": 0})
        row = CreditedTier(measures, rules).history(D("2024-01-01"), D("2025-01-15"))[-1]
        assert (
            reason_text(row.reason)
            == "Review. None of the six readings since 15 Aug 2024 met Bronze; none met any tier."
        )

    def test_other_metrics_and_an_invitation_that_is_missing(self, rulebook):
        needs = (
            ("grr", "0.85"),
            ("certified_people", "3"),
            ("tool_usage_mean", "2.5"),
            ("sold_mrr_12m", "1000"),
            ("total_points", "0"),
        )
        silver = Tier("Silver", tuple(Requirement(Metric(metric), Decimal(value)) for metric, value in needs))
        rules = simple(rulebook, silver, tier("Top", 10, by_invitation=True))
        others = {
            "grr": Decimal("0.8765"),
            "certified_people": 4,
            "tool_usage_mean": Decimal("2.5"),
            "sold_mrr_12m": Decimal("12169.56"),
        }
        (row,) = CreditedTier(measured({"2024-01-01": 1234}, others=others), rules).history(
            D("2024-01-01"), D("2024-01-01")
        )
        assert reason_text(row.reason) == (
            "Rise. GRR 87.6% of 85.0%, certified people 4 of 3, mean tool usage 2.5 of 2.5, "
            "12-month sold MRR US$12,170 of US$1,000 and total 1,234 of 0 were met on the day. Top is by invitation."
        )


class TestOutlook:
    def test_readings_past_and_to_come(self, rulebook):
        rules = simple(rulebook, BRONZE, SILVER)
        measures = measured({"2024-01-01": 20, "2024-08-01": 15, "2024-12-10": 4})
        found = review_outlook(measures, rules, Credited("Silver", D("2024-01-01")), D("2024-11-20"))
        assert [
            (row.on.isoformat(), row.performance, row.to_come, row.gap.requirements[0].missing)
            for row in found.readings
        ] == [
            ("2024-08-15", "Bronze", False, 5),
            ("2024-09-15", "Bronze", False, 5),
            ("2024-10-15", "Bronze", False, 5),
            ("2024-11-15", "Bronze", False, 5),
            ("2024-12-15", None, True, 16),
            ("2025-01-15", None, True, 16),
        ]
        assert (found.before.tier, found.after, found.review_row.kind) == ("Silver", "Bronze", "review")

    def test_a_rise_before_the_review_counts(self, rulebook):
        rules = simple(rulebook, BRONZE, SILVER)
        measures = measured({"2024-01-01": 10, "2024-12-01": 20})
        found = review_outlook(measures, rules, Credited("Bronze", D("2024-01-01")), D("2024-11-20"))
        assert [row.on.isoformat() for row in found.rises] == ["2024-12-01"]
        assert (found.before, found.after) == (Credited("Silver", D("2024-12-01")), "Silver")
        assert "less than 6 months" in reason_text(found.review_row.reason)

    def test_an_untiered_partner(self, rulebook):
        rules = simple(rulebook, BRONZE)
        found = review_outlook(measured({}), rules, Credited(None, None), D("2024-11-20"))
        assert (found.before.tier, found.after, found.review_row) == (None, None, None)
        assert [row.gap for row in found.readings] == [None] * 6

    def test_a_programme_without_reviews(self, rulebook):
        rules = replace(simple(rulebook, BRONZE), reviews=())
        assert review_outlook(measured({}), rules, Credited(None, None), D("2024-11-20")) is None
