"""Retention, certifications and tool use (`docs/points.md` 5, 7 and 12)."""

from datetime import date
from decimal import Decimal

import pytest

from clients.rules import CertificationFact, Certifications, MonthSums, MrrHistory, tool_use
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.rounding import half_even

D = date.fromisoformat


def sums(start: str, churned: str = "0", *, currency: str = "USD", switched: tuple = ()) -> MonthSums:
    """A month of clients that did not shrink: what did not churn is kept."""
    left = Decimal(start) - Decimal(churned) - sum(row[0] for row in switched)
    return MonthSums({currency: Decimal(start)}, {currency: Decimal(churned)}, {currency: left}, switched)


class TestRetention:
    def test_a_new_currency_table_is_no_contraction(self, rulebook):
        month = MrrHistory({D("2025-07-01"): sums("880", currency="EUR")}, rulebook).month(D("2025-07-01"))
        assert (month.start, month.grr_monthly) == (1000, 1)

    def test_a_client_may_change_currency(self, rulebook):
        switched = ((Decimal(880), "EUR", Decimal(700), "USD"),)
        month = MrrHistory({D("2026-02-01"): sums("880", currency="EUR", switched=switched)}, rulebook).month(
            D("2026-02-01")
        )
        assert (month.start, month.churned, month.kept) == (1000, 0, 700)

    def test_twelve_usable_months_or_no_data(self, rulebook):
        months = {add_months(D("2025-01-01"), step): sums("100") for step in range(12)}
        full = MrrHistory(months, rulebook).retention(D("2026-01-31"))
        assert (full.csr, full.grr, full.csr_monthly, full.months) == (1, 1, 1, 12)
        assert [row.month for row in full.series] == list(months)
        early = MrrHistory(months, rulebook).retention(D("2025-12-31"))
        assert (early.csr, early.grr, early.csr_monthly, early.grr_monthly) == (None, None, None, None)
        assert early.months == 11

    def test_the_mean_is_that_of_the_months(self, rulebook):
        months = {add_months(D("2025-01-01"), step): sums("50") for step in range(12)}
        months[D("2025-01-01")] = sums("100", "50")
        found = MrrHistory(months, rulebook).retention(D("2026-01-01"))
        assert found.csr == (Decimal("0.5") ** 12 + 11) / 12
        assert half_even(found.csr_monthly, 6) == Decimal("0.958333")

    def test_without_mrr_to_keep_there_is_no_data(self, rulebook):
        assert MrrHistory({D("2026-02-01"): sums("0")}, rulebook).month(D("2026-02-01")) is None
        assert MrrHistory({}, rulebook).retention(D("2026-01-01")).months == 0


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
