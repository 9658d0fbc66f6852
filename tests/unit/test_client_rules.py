"""Retention, certifications, tool use, money figures and shared selling (`docs/points.md` 3, 5, 6, 7 and 12)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from clients.rules import (
    CertificationFact,
    Certifications,
    DealSum,
    MrrFact,
    MrrHistory,
    month_sums,
    rolling_sourced_mrr_12m,
    shared_selling,
    sold_mrr_12m,
    source_dollar_12m,
    tool_use,
)
from ledger.engine import CancellationFact, ClientFacts, DealFact, lots
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.rounding import half_even

D = date.fromisoformat


def mrr(client_id: str, month: str, amount: str, currency: str = "USD") -> MrrFact:
    return MrrFact(client_id, D(month + "-01"), Decimal(amount), currency)


def history(rulebook, *facts: MrrFact) -> MrrHistory:
    return MrrHistory(month_sums(facts), rulebook)


class TestRetention:
    def test_one_month(self, rulebook):
        found = history(
            rulebook,
            mrr("stays", "2026-01", "500"),
            mrr("grows", "2026-01", "200"),
            mrr("shrinks", "2026-01", "200"),
            mrr("leaves", "2026-01", "60"),
            mrr("pays nothing", "2026-01", "40"),
            mrr("stays", "2026-02", "500"),
            mrr("grows", "2026-02", "900"),
            mrr("shrinks", "2026-02", "50"),
            mrr("pays nothing", "2026-02", "0"),
            mrr("arrives", "2026-02", "5000"),
        ).month(D("2026-02-01"))
        assert (found.start, found.churned, found.kept) == (1000, 100, 750)
        assert (found.csr_monthly, found.grr_monthly) == (Decimal("0.9"), Decimal("0.75"))
        assert (found.csr, found.grr) == (Decimal("0.9") ** 12, Decimal("0.75") ** 12)

    def test_a_new_currency_table_is_no_contraction(self, rulebook):
        found = history(rulebook, mrr("A", "2025-06", "880", "EUR"), mrr("A", "2025-07", "880", "EUR"))
        month = found.month(D("2025-07-01"))
        assert (month.start, month.grr_monthly) == (1000, 1)

    def test_a_client_may_change_currency(self, rulebook):
        found = history(rulebook, mrr("A", "2026-01", "880", "EUR"), mrr("A", "2026-02", "700", "USD"))
        assert found.month(D("2026-02-01")).kept == 700

    def test_twelve_usable_months_or_no_data(self, rulebook):
        days = [add_months(D("2024-12-01"), step) for step in range(13)]
        facts = [mrr("A", f"{day:%Y-%m}", "100") for day in days]
        full = history(rulebook, *facts).retention(D("2026-01-31"))
        assert (full.csr, full.grr, full.csr_monthly, full.months) == (1, 1, 1, 12)
        assert [row.month for row in full.series] == days[1:]
        early = history(rulebook, *facts).retention(D("2025-12-31"))
        assert (early.csr, early.grr, early.csr_monthly, early.grr_monthly, early.months) == (
            None,
            None,
            None,
            None,
            11,
        )
        # A month without rows spoils its own pair and the next one; the rows of others are no churn.
        gap = history(rulebook, *facts[:5], *facts[6:]).retention(D("2026-01-31"))
        assert (gap.csr, gap.months) == (None, 10)

    def test_the_mean_is_that_of_the_months(self, rulebook):
        days = [add_months(D("2024-12-01"), step) for step in range(13)]
        facts = [mrr("A", f"{day:%Y-%m}", "50") for day in days] + [mrr("B", "2024-12", "50")]
        found = history(rulebook, *facts).retention(D("2026-01-01"))
        assert found.csr == (Decimal("0.5") ** 12 + 11) / 12
        assert half_even(found.csr_monthly, 6) == Decimal("0.958333")

    def test_without_mrr_to_keep_there_is_no_data(self, rulebook):
        assert history(rulebook, mrr("A", "2026-01", "0"), mrr("A", "2026-02", "5")).month(D("2026-02-01")) is None
        assert history(rulebook).retention(D("2026-01-01")).months == 0


class TestCertifications:
    FACTS = (
        CertificationFact("Ann", "Solutions Partner", D("2024-01-01"), D("2025-01-01")),
        CertificationFact("Ann", "Solutions Partner", D("2024-12-01"), D("2026-01-01")),
        CertificationFact("Ann", "Inbound", D("2024-06-01"), D("2024-07-01")),
        CertificationFact("Bob", "Solutions Partner", D("2025-03-01"), None),
        CertificationFact("Cy", "Inbound", D("2024-01-01"), D("2024-02-01")),
        CertificationFact("Cy", "Inbound", D("2025-02-01"), D("2025-02-01")),
    )

    @pytest.mark.parametrize(
        ("day", "people"),
        [
            ("2023-12-31", 0),
            ("2024-01-01", 2),
            ("2024-02-01", 1),
            ("2024-06-15", 1),
            ("2025-12-31", 2),
            ("2026-01-01", 1),
        ],
    )
    def test_people_count_once(self, day, people):
        assert Certifications(self.FACTS).people(D(day)) == people

    def test_held_on_the_day_and_until_when(self):
        found = Certifications(self.FACTS[:3])
        assert [
            found.held("Solutions Partner", D(day)) for day in ("2023-12-31", "2024-01-01", "2025-01-01", "2026-01-01")
        ] == [
            False,
            True,
            True,
            False,
        ]
        assert found.held_until("Solutions Partner", D("2024-06-01")) == D("2026-01-01")
        assert found.held_until("Inbound", D("2025-06-01")) is None
        assert Certifications(self.FACTS).held_until("Solutions Partner", D("2025-06-01")) is None
        assert not found.held("Unheard of", D("2025-01-01"))

    def test_holders_are_named_once_and_the_next_to_lapse_comes_first(self):
        found = Certifications(self.FACTS).holders("Solutions Partner", D("2025-06-01"))
        assert [(row.person, row.expires_on) for row in found] == [("Ann", D("2026-01-01")), ("Bob", None)]
        both = Certifications(self.FACTS).holders("Solutions Partner", D("2024-12-15"))
        assert [row.expires_on for row in both] == [D("2026-01-01")]


@pytest.mark.parametrize(
    ("values", "mean", "median", "clients"),
    [
        ([], None, None, 0),
        ([None], None, None, 0),
        ([0, None, 4, 5], 3, 4, 3),
        ([1, 2], Decimal("1.5"), Decimal("1.5"), 2),
    ],
)
def test_tool_use(values, mean, median, clients):
    found = tool_use(values)
    assert (found.mean, found.median, found.clients) == (mean, median, clients)


class TestMoney:
    def facts(self) -> ClientFacts:
        def deal(deal_id: str, closed_on: str, amount: str, line: str, **changes: str) -> DealFact:
            row = {"kind": "new", "origin": "sourced", "currency": "USD"} | changes
            return DealFact.read(
                deal_id, line, row["kind"], row["origin"], "won", Decimal(amount), row["currency"], D(closed_on)
            )

        return ClientFacts(
            "IN",
            [
                deal("old", "2025-11-23", "1000", "a"),
                deal("whole", "2025-11-24", "880", "b", currency="EUR"),
                deal("half", "2026-01-01", "400", "c"),
                deal("cut", "2026-02-01", "200", "c", kind="downgrade"),
                deal("gone", "2026-01-01", "300", "d"),
                deal("assisted", "2026-01-01", "70", "e", origin="assisted"),
                deal("none", "2026-01-01", "9", "f", origin="none"),
                deal("later", "2026-11-24", "5000", "g"),
            ],
            cancellations=[CancellationFact("d", D("2026-03-01"))],
        )

    def test_as_sold_and_what_is_left(self, rulebook):
        on = D("2026-11-23")
        found = lots(self.facts(), rulebook, on)
        assert source_dollar_12m(found, rulebook, on) == 1000 + 400 + 300
        assert rolling_sourced_mrr_12m(found, rulebook, on) == 1000 + 200
        assert sold_mrr_12m(found, rulebook, on) == 1000 + 400 + 300 + 70

    def test_what_is_left_is_as_of_the_day(self, rulebook):
        on = D("2026-01-31")
        found = lots(self.facts(), rulebook, on)
        assert rolling_sourced_mrr_12m(found, rulebook, on) == 1000 + 1000 + 400 + 300

    def test_expiry_does_not_reduce_the_rolling_figure(self, rulebook):
        # 29 Feb 2024 + 12 months is 28 Feb 2025: expired that day, and still inside the 12 months up to it.
        facts = ClientFacts(
            "US", [DealFact.read("A", "a", "new", "sourced", "won", Decimal(500), "USD", D("2024-02-29"))]
        )
        found = lots(facts, rulebook, D("2025-02-28"))
        assert found[0].remaining == 0
        assert rolling_sourced_mrr_12m(found, rulebook, D("2025-02-28")) == 500


@dataclass(frozen=True)
class Shared:
    created_on: date
    closed_on: date | None = None
    stage: str = "open"
    origin: str = "sourced"
    registered: bool = True
    mrr: Decimal = Decimal(100)
    currency: str = "USD"


class TestSharedSelling:
    FIRST, LAST = D("2026-01-01"), D("2026-01-31")

    def counts(self, rulebook, *deals: Shared) -> tuple[int, int, int]:
        found = shared_selling(deals, rulebook, self.FIRST, self.LAST)
        return found.created.count, found.in_flight.count, found.won.count

    @pytest.mark.parametrize(
        ("deal", "counts"),
        [
            (Shared(D("2026-01-01")), (1, 1, 0)),
            (Shared(D("2026-01-31"), origin="none"), (1, 0, 0)),
            (Shared(D("2026-02-01")), (0, 0, 0)),
            (Shared(D("2025-12-31")), (0, 1, 0)),
            (Shared(D("2025-12-31"), registered=False), (0, 0, 0)),
            (Shared(D("2025-12-31"), D("2026-01-31"), "won"), (0, 0, 1)),
            (Shared(D("2025-12-31"), D("2026-02-01"), "won"), (0, 1, 0)),
            (Shared(D("2025-12-31"), D("2026-02-01"), "lost"), (0, 1, 0)),
            (Shared(D("2025-12-31"), D("2026-01-31"), "lost"), (0, 0, 0)),
            (Shared(D("2025-12-31"), D("2026-01-15"), "open"), (0, 1, 0)),  # closed_on of an open deal is ignored
            (Shared(D("2025-12-31"), D("2026-01-01"), "won", origin="assisted"), (0, 0, 1)),
        ],
    )
    def test_what_counts(self, rulebook, deal, counts):
        assert self.counts(rulebook, deal) == counts

    def test_each_is_valued_on_its_own_day(self, rulebook):
        first, last = D("2025-07-01"), D("2025-07-31")
        eur = {"mrr": Decimal(6600), "currency": "EUR"}
        deals = [
            Shared(D("2025-07-14"), **eur),
            Shared(D("2025-06-01"), D("2025-07-14"), "won", **eur),
            Shared(D("2025-06-01"), D("2025-07-15"), "won", **eur),
        ]
        found = shared_selling(deals, rulebook, first, last)
        assert found.created == DealSum(1, 8800)
        assert found.in_flight == DealSum(1, 7500)
        assert found.won == DealSum(2, 8800 + 7500)
