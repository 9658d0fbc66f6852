"""Expected commission over a portfolio, and why statements differ from it: cases worked by hand, and the month rule itself."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.expected import CommissionForecast, earning, earns_within
from commissions.rules import FxRates, StatementLine
from commissions.variance import ExpectedMonth, differences
from ledger.records import DealFact, DealLife
from partner_portal.lib.dates.months import quarter_of
from program.rulebook import CommissionTerms
from tests.reference import commission as reference

D = date.fromisoformat
TERMS = CommissionTerms(Decimal("0.2"), 36, D("2023-04-01"), 45)
TODAY = D("2026-11-23")
FX = FxRates([("EUR", D("2026-07-01"), Decimal("1.10")), ("EUR", D("2026-08-01"), Decimal("1.059478"))], "USD")


def life(closed_on="2026-01-15", mrr="800", currency="USD", cuts=(), cancelled=None, origin="sourced"):
    deal = DealFact.read("D1", "Sales Hub", "new", origin, "won", Decimal(mrr), currency, D(closed_on))
    return DealLife(deal, D(closed_on), tuple((D(on), part) for on, part in cuts), cancelled and D(cancelled))


def amounts(one, first, last):
    found = earning(7, one, TERMS)
    return [
        (f"{a.month:%Y-%m}", str(a.commission)) for a in CommissionForecast(TERMS, FX).amounts(found, D(first), D(last))
    ]


def test_example_19_a_quarter_of_800_a_month_is_480():
    sums = CommissionForecast(TERMS, FX).by_quarter([earning(7, life(), TERMS)], D("2026-04-01"), D("2026-06-01"))
    assert sums == {"2026-Q2": Decimal("480.00")}


def test_a_month_counts_when_the_deal_is_in_force_on_its_last_day():
    assert amounts(life("2026-07-31"), "2026-06-01", "2026-08-01") == [("2026-07", "160.00"), ("2026-08", "160.00")]
    gone = life(cuts=[("2026-08-31", Fraction(0))], cancelled="2026-08-31")
    assert amounts(gone, "2026-07-01", "2026-09-01") == [("2026-07", "160.00")]


def test_the_term_is_36_months():
    found = earning(7, life("2023-11-20"), TERMS)
    assert (found.months_left(TODAY), found.ends_on) == (0, D("2026-11-20"))
    assert amounts(life("2023-11-20"), "2026-09-01", "2026-12-01") == [("2026-09", "160.00"), ("2026-10", "160.00")]


def test_a_downgrade_reduces_in_proportion_and_the_rate_is_that_of_the_month_or_the_latest():
    reduced = life(mrr="100.00", currency="EUR", cuts=[("2026-08-10", Fraction(2, 3))])
    # 100 x 0.2 x 1.10 = 22.00; 66.666.. x 0.2 x 1.059478 = 14.126.. -> 14.13; October takes the latest rate, of August.
    assert amounts(reduced, "2026-07-01", "2026-08-01") == [("2026-07", "22.00"), ("2026-08", "14.13")]
    assert amounts(reduced, "2026-10-01", "2026-10-01") == [("2026-10", "14.13")]


def test_nothing_is_expected_of_assisted_deals_or_of_those_before_the_terms():
    assert earning(7, life(origin="assisted"), TERMS) is None
    assert earning(7, life("2023-03-31"), TERMS) is None


def test_a_currency_without_any_rate_is_named_and_left_out():
    odd = earning(7, life(currency="ZAR"), TERMS)
    forecast = CommissionForecast(TERMS, FX)
    assert forecast.by_quarter([odd], D("2026-10-01"), D("2026-12-01")) == {"2026-Q4": Decimal(0)}


@given(
    closed=st.dates(D("2023-03-01"), D("2026-11-23")),
    mrr=st.decimals("0.01", "100000", places=2),
    cuts=st.lists(
        st.tuples(st.integers(0, 1200), st.fractions(0, 1, max_denominator=97)),
        max_size=4,
        unique_by=lambda cut: cut[0],
    ),
    currency=st.sampled_from(["USD", "EUR"]),
)
def test_stretches_say_month_by_month_what_the_rule_for_one_month_says(closed, mrr, cuts, currency):
    days = sorted((date.fromordinal(closed.toordinal() + after), part) for after, part in cuts)
    deal = DealFact.read("D1", "Sales Hub", "new", "sourced", "won", mrr, currency, closed)
    one = DealLife(deal, closed, tuple(days), None)
    first, last = D("2023-01-01"), D("2029-12-01")
    slow = list(reference.amounts(one, TERMS, FX, first, last))
    found = earning(7, one, TERMS)
    forecast = CommissionForecast(TERMS, FX)
    fast = list(forecast.amounts(found, first, last)) if found else []
    assert fast == slow
    for start, end in ((first, last), (D("2026-07-01"), D("2026-09-01")), (D("2025-04-01"), D("2027-03-01"))):
        within = [amount for amount in slow if start <= amount.month <= end]
        sums = forecast.by_quarter([found] if found else [], start, end)
        assert sums == {
            quarter: sum((amount.commission for amount in within if quarter_of(amount.month) == quarter), Decimal(0))
            for quarter in sums
        }
        assert bool(within) == (found is not None and earns_within(found.stretches, start, end))


class TestVariance:
    line = StatementLine(
        "S-2026Q3", "2026-Q3", 1, "C001", "D1", "Sales Hub", D("2026-07-01"), Decimal("800.00"), "USD", Decimal(1),
        Decimal("0.2"), Decimal("160.00"), "USD", "paid", D("2026-11-14"),
    )  # fmt: skip

    def why(self, lines, one=None):
        found = earning(7, one or life(), TERMS)
        months = [
            ExpectedMonth(found, amount)
            for amount in CommissionForecast(TERMS, FX).amounts(found, D("2026-07-01"), D("2026-07-01"))
        ]
        result = differences("2026-Q3", months, [(7, each) for each in lines], {"D1": found}, TERMS)
        total = sum((each.commission for each in lines), Decimal(0))
        expected_total = sum((month.amount.commission for month in months), Decimal(0))
        assert sum((each.amount for each in result), Decimal(0)) == total - expected_total
        return [(each.cause, str(each.amount)) for each in result]

    def test_a_line_as_expected_is_no_difference(self):
        assert self.why([self.line]) == []

    @pytest.mark.parametrize(
        ("changes", "causes"),
        [
            ({"commission": Decimal("151.55")}, [("recompute", "-8.45")]),
            ({"rate": Decimal("0.1"), "commission": Decimal("80.00")}, [("rate", "-80.00")]),
            ({"fx_rate": Decimal("1.5"), "commission": Decimal("240.00")}, [("fx", "80.00")]),
            ({"net_revenue": Decimal("720.00"), "commission": Decimal("144.00")}, [("revenue", "-16.00")]),
            (
                {"net_revenue": Decimal("720.00"), "rate": Decimal("0.1"), "commission": Decimal("70.00")},
                [("recompute", "-2.00"), ("rate", "-72.00"), ("revenue", "-16.00")],
            ),
        ],
    )
    def test_each_step_from_the_line_back_to_what_was_expected_is_a_cause(self, changes, causes):
        assert self.why([replace(self.line, **changes)]) == causes

    def test_a_line_after_a_downgrade_that_still_has_the_full_amount(self):
        assert self.why([self.line], life(cuts=[("2026-05-01", Fraction(1, 2))])) == [("downgraded", "80.00")]

    def test_a_line_after_the_cancellation(self):
        gone = life(cuts=[("2026-05-01", Fraction(0))], cancelled="2026-05-01")
        assert self.why([self.line], gone) == [("cancelled", "160.00")]

    def test_example_20_a_reversal_names_the_line_it_reverses(self):
        back = replace(
            self.line, line_no=2, invoice_month=D("2026-04-01"), net_revenue=Decimal("-2400.00"),
            commission=Decimal("-480.00"), adjusts="S-2026Q2/9",
        )  # fmt: skip
        assert self.why([self.line, back]) == [("reversed", "-480.00")]

    def test_a_missing_line_and_a_second_one_and_one_of_another_quarter(self):
        assert self.why([]) == [("missing", "-160.00")]
        assert self.why([self.line, replace(self.line, line_no=2)]) == [("twice", "160.00")]
        late = replace(self.line, line_no=2, invoice_month=D("2026-06-01"))
        assert self.why([self.line, late]) == [("other_quarter", "160.00")]

    def test_a_line_of_a_deal_that_earns_nothing(self):
        assert self.why([self.line, replace(self.line, line_no=2, deal_id="D9")]) == [("not_earning", "160.00")]
