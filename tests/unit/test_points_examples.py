"""The 22 examples of `docs/points.md` 11, by number."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from calculator.formula import Market, amount_of_managed, amount_of_sold, estimate
from clients.rules import MonthSums, MrrHistory
from commissions.expected import CommissionForecast, earning
from commissions.rules import FxRates, StatementLine, commission, pay_day, statements
from ledger.engine import deal_lives, entries, lots, managed
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from ledger.series import PointSeries
from ledger.why_text import why
from partner_portal.lib.rounding import half_even
from program.rulebook import Requirement, Rulebook, RuleSet, Tier
from program.terms import Metric
from tiers.reason_text import reason_text
from tiers.rules import Credited, CreditedTier, PortfolioMeasures, gap, performance

D = date.fromisoformat


def deal(
    deal_id: str,
    closed_on: str,
    mrr: str = "1000",
    *,
    kind: str = "new",
    origin: str = "sourced",
    line: str = "Sales Hub",
    currency: str = "USD",
) -> DealFact:
    return DealFact.read(deal_id, line, kind, origin, "won", Decimal(mrr), currency, D(closed_on))


def lot_points(rulebook: Rulebook, country: str, *deals: DealFact) -> dict[str, Decimal]:
    facts = ClientFacts(country, deals)
    return {lot.deal.deal_id: lot.earned for lot in lots(facts, rulebook, max(row.closed_on for row in deals))}


# The first six are one story: a client with two lines.
STORY = (
    deal("A", "2021-10-15"),
    deal("B", "2024-03-10", kind="cross_sell", line="Marketing Hub"),
    deal("C", "2024-04-10", "500", kind="upgrade"),
    deal("D", "2024-09-01", "500", kind="upgrade", line="Marketing Hub"),
)


def test_example_01(rulebook):
    facts = ClientFacts("US", services=[ServiceFact(D("2025-01-01"), None, Decimal(1000), "USD", 1)])
    assert managed(facts, rulebook, D("2025-01-01")).points == 10


def test_example_02(rulebook):
    facts = ClientFacts("US", services=[ServiceFact(D("2025-01-01"), None, Decimal(1000), "USD", 2)])
    assert managed(facts, rulebook, D("2025-01-01")).points == 5


def test_example_03(rulebook):
    assert lot_points(rulebook, "US", *STORY)["A"] == 30


def test_example_04(rulebook):
    assert lot_points(rulebook, "US", *STORY)["B"] == 50


def test_example_05(rulebook):
    assert lot_points(rulebook, "US", *STORY)["C"] == 15


def test_example_06(rulebook):
    assert lot_points(rulebook, "US", *STORY)["D"] == 25


def test_example_07(rulebook):
    facts = ClientFacts("IN", [deal("A", "2024-05-01")], [ServiceFact(D("2024-05-01"), None, Decimal(1000), "USD", 1)])
    assert [(row.track, row.points) for row in entries(facts, rulebook, D("2024-05-01"))] == [
        ("sourced", 100),
        ("managed", 20),
    ]


@pytest.mark.parametrize(("country", "points"), [("US", 30), ("IN", 60)])
def test_example_08(rulebook, country, points):
    assert lot_points(rulebook, country, deal("A", "2024-05-01", origin="assisted")) == {"A": points}


def test_example_09(rulebook):
    facts = ClientFacts("DE", [deal("A", "2025-08-01", "880.00", currency="EUR")])
    (entry,) = entries(facts, rulebook, D("2025-08-01"))
    assert entry.points == 50
    assert why(entry) == "EUR 880.00 / 88 per US$100 x 5 (sourced) x 1 = 50"


def test_example_10(rulebook):
    assert lot_points(rulebook, "DE", deal("A", "2025-06-01", "750", currency="EUR")) == {"A": 50}


@pytest.mark.parametrize(("others", "managed_points", "total"), [(0, 10, 60), (1, 5, 55)])
def test_example_11(rulebook, others, managed_points, total):
    market = Market("USD", growth=False, on=D("2026-11-23"))
    found = estimate(rulebook, market, amount=Decimal(1000), origin="sourced", manage=True, others=others)
    assert (found.sold, found.managed, found.total) == (50, managed_points, total)


def test_example_12(rulebook):
    market = Market("USD", growth=False, on=D("2026-11-23"))
    assert amount_of_sold(rulebook, market, Decimal(30), "assisted") == 1000
    assert amount_of_sold(rulebook, market, Decimal(30), "sourced") == 600
    assert amount_of_managed(rulebook, market, Decimal(10)) == 1000


def test_example_13(rulebook):
    facts = ClientFacts("US", [deal("A", "2024-02-29")])
    (active,) = lots(facts, rulebook, D("2025-02-27"))
    (expired,) = lots(facts, rulebook, D("2025-02-28"))
    assert (active.remaining, active.state) == (50, "active")
    assert (expired.remaining, expired.state) == (0, "expired")
    assert [(row.on, row.cause, row.points) for row in entries(facts, rulebook, D("2026-01-01"))] == [
        (D("2024-02-29"), "earned", 50),
        (D("2025-02-28"), "expired", -50),
    ]


def test_example_14(rulebook):
    facts = ClientFacts(
        "US",
        [
            deal("A", "2025-08-01"),
            deal("B", "2025-09-01", "500", kind="upgrade"),
            deal("C", "2025-10-01", "300", kind="downgrade"),
        ],
    )
    assert lot_points(rulebook, "US", *facts.deals[:2]) == {"A": 50, "B": 25}
    lost = [row for row in entries(facts, rulebook, D("2025-10-01")) if row.cause == "downgraded"]
    assert [(row.deal_id, row.points, row.on) for row in lost] == [
        ("A", -10, D("2025-10-01")),
        ("B", -5, D("2025-10-01")),
    ]


# Reviews: total points decide, so that a reading is a number.

GOLD, PLATINUM, DIAMOND = 160, 475, 1260


def reviewed(rulebook: Rulebook, credited: Credited, totals: dict[str, int], *, lapses: str = "2099-01-01"):
    """The review of 15 Jul 2026 for a partner with these total points (all sourced) from these days on."""
    changes = []
    before = 0
    for day, total in sorted(totals.items()):
        changes.append((D(day), "sourced", Decimal(total - before)))
        before = total
    measures = PortfolioMeasures(PointSeries(changes), lambda on: on < D(lapses))
    review = rulebook.next_review(D("2026-07-14"))
    assert review.on == D("2026-07-15")
    return CreditedTier(measures, rulebook).review(credited, review)


def test_example_15(rulebook):
    row = reviewed(rulebook, Credited("Diamond", D("2025-03-04")), {"2026-02-01": PLATINUM, "2026-05-20": GOLD})
    assert (row.after, row.kind) == ("Platinum", "review")
    assert [reading.performance for reading in row.readings] == ["Platinum"] * 4 + ["Gold"] * 2
    assert (
        reason_text(row.reason)
        == "Review. None of the six readings since 15 Feb 2026 met Diamond; the best was Platinum."
    )


def test_example_16(rulebook):
    row = reviewed(
        rulebook,
        Credited("Diamond", D("2025-03-04")),
        {"2026-02-01": PLATINUM, "2026-03-10": DIAMOND, "2026-04-01": GOLD},
    )
    assert (row.after, row.kind) == ("Diamond", "kept")
    assert reason_text(row.reason) == "Review. Kept, met in March."


def test_example_17(rulebook):
    row = reviewed(rulebook, Credited("Diamond", D("2026-04-15")), {"2026-02-01": GOLD})
    assert (row.after, row.kind) == ("Diamond", "kept")
    assert reason_text(row.reason) == "Review. Kept: Diamond has been credited since 15 Apr 2026, less than 6 months."


def test_example_18(rulebook):
    row = reviewed(rulebook, Credited("Diamond", D("2025-03-04")), {"2026-02-01": DIAMOND}, lapses="2026-07-15")
    assert (row.after, row.kind) == (None, "review")
    assert reason_text(row.reason) == "Review. No Solutions Partner certification was valid on the day."


def line(line_no: int, net: str, *, adjusts: str = "", statement: str = "S-2026Q1") -> StatementLine:
    return StatementLine(
        statement,
        f"{statement[2:6]}-{statement[6:]}",
        line_no,
        "C1",
        "A",
        "Sales Hub",
        D("2026-01-01"),
        Decimal(net),
        "USD",
        Decimal(1),
        Decimal("0.2"),
        commission(Decimal(net), Decimal("0.2"), Decimal(1)),
        "USD",
        "paid",
        D("2026-05-15"),
        adjusts=adjusts,
    )


def test_example_19(rulebook):
    assert commission(Decimal(800) * 3, Decimal("0.20"), Decimal(1)) == Decimal("480.00")
    facts = ClientFacts("US", [deal("A", "2025-12-10", "800")])
    (life,) = deal_lives(facts, rulebook, D("2026-03-31"))
    terms = rulebook.commission
    forecast = CommissionForecast(terms, FxRates([], "USD"))
    sums = forecast.by_quarter([earning(7, life, terms)], D("2026-01-01"), D("2026-03-01"))
    assert sums == {"2026-Q1": Decimal("480.00")}
    assert pay_day(D("2026-01-01"), terms) == D("2026-05-15")


def test_example_20():
    earned = line(1, "2400")
    reversal = line(1, "-2400", adjusts=earned.name, statement="S-2026Q2")
    assert (earned.commission, reversal.commission) == (Decimal("480.00"), Decimal("-480.00"))
    assert reversal.adjusts == "S-2026Q1/1"
    assert [(row.statement_id, row.total, row.variances) for row in statements([reversal, earned])] == [
        ("S-2026Q1", Decimal("480.00"), 0),
        ("S-2026Q2", Decimal("-480.00"), 0),
    ]


def test_example_21(rulebook):
    # One of 100 equal clients leaves.
    sums = MonthSums(start={"USD": Decimal(100)}, churned={"USD": Decimal(1)}, kept={"USD": Decimal(99)})
    found = MrrHistory({date(2025, 11, 1): sums}, rulebook).month(date(2025, 11, 1))
    assert found.csr_monthly == found.grr_monthly == Decimal("0.99")
    assert half_even(found.csr * 100, 2) == half_even(found.grr * 100, 2) == Decimal("88.64")


def test_example_22(rulebook):
    tier = Tier(
        "Gold", (Requirement(Metric.TOTAL_POINTS, Decimal(160)), Requirement(Metric.SOURCED_POINTS, Decimal(40)))
    )
    only = RuleSet(D("2026-01-15"), "Sourced and total", (tier,), sample=True)
    assert rulebook.rule_set(D("2026-11-23")).tier("Gold").requirements == tier.requirements
    on = D("2026-11-23")
    series = PointSeries([(on, "assisted", Decimal(300)), (on, "managed", Decimal(200))])
    measures = PortfolioMeasures(series, lambda on: True)
    found = gap(only.tiers[0], measures, on)
    assert [(row.metric, row.have, row.missing, row.met) for row in found.requirements] == [
        ("total_points", 500, 0, True),
        ("sourced_points", 0, 40, False),
    ]
    assert not found.met
    assert found.binding.metric == "sourced_points"
    assert performance(measures, rulebook, on) is None


def test_the_story_of_two_lines_ends_with_a_cancelled_client(rulebook):
    facts = ClientFacts("US", STORY, cancellations=[CancellationFact("", D("2024-10-01"))])
    day_before = D("2024-10-01") - timedelta(days=1)
    assert sum(lot.remaining for lot in lots(facts, rulebook, day_before)) == 50 + 15 + 25
    assert sum(lot.remaining for lot in lots(facts, rulebook, D("2024-10-01"))) == 0
