"""Commission, statements and what deals are expected to earn (`docs/points.md` 8, 10 and 12)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from commissions.expected import Amount, CommissionForecast, Earning, earning
from commissions.rules import (
    FxRates,
    StatementLine,
    commission,
    pay_day,
    statement_status,
    statements,
    term_end,
)
from ledger.engine import deal_lives
from ledger.records import CancellationFact, ClientFacts, DealFact

D = date.fromisoformat
LINE = StatementLine(
    statement_id="S-2026Q1",
    period="2026-Q1",
    line_no=1,
    client_id="C1",
    deal_id="D1",
    product_line="Sales Hub",
    invoice_month=D("2026-01-01"),
    net_revenue=Decimal("5.00"),
    currency="EUR",
    fx_rate=Decimal("1.059478"),
    rate=Decimal("0.2"),
    commission=Decimal("1.06"),
    payout_currency="USD",
    status="paid",
    pay_on=D("2026-05-15"),
)


@pytest.mark.parametrize(
    ("net", "rate", "fx", "result"),
    [
        ("5.00", "0.2", "1.059478", "1.06"),
        ("5.125", "0.2", "1", "1.03"),
        ("-5.125", "0.2", "1", "-1.03"),
        ("-5.12", "0.2", "1", "-1.02"),
        ("0.02", "0.2", "1", "0.00"),
        ("5.124999999999999999999999999999999999", "0.2", "1", "1.02"),
        ("9999999999999999.99", "0.333333", "17.12345678", "57078132188477399.94"),
    ],
)
def test_commission_is_rounded_once_half_away_from_zero(net, rate, fx, result):
    assert str(commission(Decimal(net), Decimal(rate), Decimal(fx))) == result


def test_a_line_that_does_not_recompute_is_a_variance_with_both_values():
    assert (LINE.recomputed, LINE.difference) == (Decimal("1.06"), 0)
    wrong = replace(LINE, commission=Decimal("1.05"))
    assert (wrong.commission, wrong.recomputed, wrong.difference) == (
        Decimal("1.05"),
        Decimal("1.06"),
        Decimal("-0.01"),
    )


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["paid", "issued", "draft", "forfeited"], "draft"),
        (["paid", "withheld", "issued"], "issued"),
        (["forfeited", "withheld", "paid"], "paid"),
        (["forfeited", "withheld"], "withheld"),
        (["forfeited", "forfeited"], "forfeited"),
    ],
)
def test_the_status_of_a_statement(lines, status):
    assert statement_status(lines) == status


def test_an_unknown_status_is_refused():
    with pytest.raises(ValueError, match="line: lost"):
        statement_status(["paid", "lost"])
    with pytest.raises(ValueError, match="none at all"):
        statement_status([])


def test_statements_from_their_lines():
    lines = [
        replace(LINE, line_no=2, status="paid", paid_on=D("2026-05-20"), pay_on=D("2026-05-16")),
        replace(LINE, line_no=1, status="paid", paid_on=D("2026-05-15"), commission=Decimal("2.00")),
        replace(LINE, line_no=3, status="withheld"),
        replace(LINE, statement_id="S-2025Q4", period="2025-Q4", status="issued", paid_on=D("2026-02-14")),
        replace(LINE, statement_id="S-2026Q1-2"),
    ]
    found = statements(lines)
    assert [row.statement_id for row in found] == ["S-2025Q4", "S-2026Q1", "S-2026Q1-2"]
    first = found[1]
    assert (first.status, first.total, first.pay_on, first.paid_on, first.variances) == (
        "paid",
        Decimal("4.12"),
        D("2026-05-15"),
        D("2026-05-20"),
        1,
    )
    assert [line.line_no for line in first.lines] == [1, 2, 3]
    assert found[0].paid_on is None


def test_exchange_rates():
    months = [("EUR", D("2026-02-01"), Decimal("1.10")), ("EUR", D("2026-01-01"), Decimal("1.059478"))]
    rates = FxRates(months, "USD")
    assert (rates.on("EUR", D("2026-01-10")).rate, rates.on("EUR", D("2026-01-10")).on) == (
        Decimal("1.059478"),
        D("2026-01-31"),
    )
    assert (rates.on("EUR", D("2027-01-10")).rate, rates.on("EUR", D("2027-01-10")).on) == (
        Decimal("1.10"),
        D("2026-02-28"),
    )
    assert rates.on("USD", D("2026-01-10")).rate == 1
    assert rates.on("GBP", D("2026-01-10")) is None


class TestExpected:
    def deal(self, closed_on: str, mrr: str = "800", **changes: str) -> DealFact:
        row = {"deal_id": "D1", "kind": "new", "origin": "sourced", "line": "Sales Hub", "currency": "USD"} | changes
        return DealFact.read(
            row["deal_id"], row["line"], row["kind"], row["origin"], "won", Decimal(mrr), row["currency"], D(closed_on)
        )

    def earnings(self, rulebook, facts: ClientFacts) -> list[Earning]:
        lives = deal_lives(facts, rulebook, D("2030-01-01"))
        return [found for life in lives if (found := earning(7, life, rulebook.commission))]

    def amounts(self, rulebook, facts: ClientFacts, first: str, last: str, *fx: tuple) -> list[Amount]:
        forecast = CommissionForecast(rulebook.commission, FxRates(fx, "USD"))
        found = self.earnings(rulebook, facts)
        return [amount for each in found for amount in forecast.amounts(each, D(first), D(last))]

    def test_thirty_six_months_from_the_first_month_end(self, rulebook):
        for closed_on in ("2024-02-10", "2024-02-29"):
            found = self.amounts(rulebook, ClientFacts("US", [self.deal(closed_on)]), "2023-01-01", "2029-12-01")
            assert len(found) == 36
            assert (found[0].month, found[-1].month) == (D("2024-02-01"), D("2027-01-01"))
            assert {row.commission for row in found} == {Decimal("160.00")}

    @pytest.mark.parametrize(
        ("deal", "counts"),
        [
            ({"closed_on": "2023-03-31"}, False),
            ({"closed_on": "2023-04-01"}, True),
            ({"closed_on": "2023-04-01", "origin": "assisted"}, False),
            ({"closed_on": "2023-04-01", "kind": "upgrade"}, True),
        ],
    )
    def test_which_deals_earn(self, rulebook, deal, counts):
        found = self.amounts(rulebook, ClientFacts("US", [self.deal(**deal)]), "2023-04-01", "2023-04-01")
        assert bool(found) is counts

    def test_a_month_counts_when_the_deal_is_in_force_on_its_last_day(self, rulebook):
        facts = ClientFacts("US", [self.deal("2025-01-31")], cancellations=[CancellationFact("", D("2025-03-31"))])
        found = self.amounts(rulebook, facts, "2024-12-01", "2025-12-01")
        assert [row.month for row in found] == [D("2025-01-01"), D("2025-02-01")]

    def test_downgrades_count_in_proportion_even_when_the_lot_has_expired(self, rulebook):
        facts = ClientFacts(
            "US", [self.deal("2024-01-10"), self.deal("2025-06-30", "200", deal_id="D2", kind="downgrade")]
        )
        found = self.amounts(rulebook, facts, "2025-04-01", "2025-09-01")
        assert [row.commission for row in found] == [160, 160, 120, 120, 120, 120]
        forecast = CommissionForecast(rulebook.commission, FxRates((), "USD"))
        sums = forecast.by_quarter(self.earnings(rulebook, facts), D("2025-04-01"), D("2025-09-01"))
        assert sums == {"2025-Q2": 440, "2025-Q3": 360}

    def test_currencies(self, rulebook):
        facts = ClientFacts("DE", [self.deal("2026-01-10", "100", currency="EUR")])
        rate = ("EUR", D("2026-01-01"), Decimal("1.059478"))
        (found,) = self.amounts(rulebook, facts, "2026-01-01", "2026-01-01", rate)
        assert (found.commission, found.fx.on) == (Decimal("21.19"), D("2026-01-31"))
        (unknown,) = self.amounts(rulebook, facts, "2026-01-01", "2026-01-01")
        assert (unknown.commission, unknown.fx) == (None, None)

    def test_pay_days_and_terms(self, rulebook):
        terms = rulebook.commission
        assert [pay_day(D(day), terms) for day in ("2026-07-01", "2026-10-31")] == [D("2026-11-14"), D("2027-02-14")]
        assert term_end(D("2024-02-29"), terms) == D("2027-02-28")

    def test_months_left(self, rulebook):
        facts = ClientFacts("US", [self.deal("2024-02-10")], cancellations=[CancellationFact("", D("2027-01-05"))])
        (life,) = deal_lives(facts, rulebook, D("2030-01-01"))
        found = earning(7, life, rulebook.commission)
        days = ("2024-02-09", "2024-02-10", "2026-11-23", "2027-01-04", "2027-01-05")
        assert [found.months_left(D(day)) for day in days] == [0, 36, 3, 1, 0]
