"""What the database adds up from facts, worked by hand: retention, sales of 12 months, shared selling (points.md 3, 5, 6)."""

from datetime import date
from decimal import Decimal

import pytest

from clients.models import MrrMonth
from clients.queries import mrr_history, shared_selling_of, sold_in_12_months
from clients.rules import DealSum
from clients.services import sum_retention
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import Period
from tiers.queries import money_figures

D = date.fromisoformat


def bring_mrr(workshop, *rows):
    """Store (client, month, MRR, currency) and sum retention, as an import would."""
    MrrMonth.objects.bulk_create(
        MrrMonth(
            partner=workshop.partner, client=workshop.client(client), month=D(f"{month}-01"), mrr=mrr, currency=currency
        )
        for client, month, mrr, currency in rows
    )
    sum_retention(scope=workshop.scope)
    return mrr_history(workshop.scope)


def test_what_a_month_kept_of_the_month_before(workshop):
    before = {"stays": 500, "grows": 200, "shrinks": 200, "leaves": 60, "pays nothing": 40}
    after = {"stays": 500, "grows": 900, "shrinks": 50, "pays nothing": 0, "arrives": 5000}
    rows = [(client, "2026-01", mrr, "USD") for client, mrr in before.items()]
    rows += [(client, "2026-02", mrr, "USD") for client, mrr in after.items()]
    found = bring_mrr(workshop, *rows).month(D("2026-02-01"))
    assert (found.start, found.churned, found.kept) == (1000, 100, 750)
    assert (found.csr_monthly, found.grr_monthly) == (Decimal("0.9"), Decimal("0.75"))
    assert (found.csr, found.grr) == (Decimal("0.9") ** 12, Decimal("0.75") ** 12)


def test_a_client_that_changes_currency_keeps_the_smaller_of_both_in_points_dollars(workshop):
    found = bring_mrr(workshop, ("A", "2026-01", 880, "EUR"), ("A", "2026-02", 700, "USD")).month(D("2026-02-01"))
    assert (found.start, found.churned, found.kept) == (1000, 0, 700)


def test_a_month_without_rows_spoils_its_own_pair_and_the_next(workshop):
    """The rows of other months are no churn then."""
    months = [add_months(D("2024-12-01"), step) for step in range(13)]
    rows = [("A", f"{month:%Y-%m}", 100, "USD") for month in months if month != D("2025-05-01")]
    found = bring_mrr(workshop, *rows).retention(D("2026-01-31"))
    assert (found.csr, found.months) == (None, 10)


def test_sales_of_12_months_as_sold_and_what_is_left_of_them(workshop):
    workshop.client(country="IN")
    workshop.deal(
        "old", "2025-11-23", "1000", product_line="a"
    )  # 12 months and a day before the last day of the figures
    workshop.deal("whole", "2025-11-24", "880", product_line="b", currency="EUR")
    workshop.deal("half", "2026-01-01", "400", product_line="c")
    workshop.deal("cut", "2026-02-01", "200", product_line="c", kind="downgrade")
    workshop.deal("gone", "2026-01-01", "300", product_line="d")
    workshop.deal("assisted", "2026-01-01", "70", product_line="e", origin="assisted")
    workshop.deal("none", "2026-01-01", "9", product_line="f", origin="none")
    workshop.deal("later", "2026-11-24", "5000", product_line="g")
    workshop.cancel("2026-03-01", "d")
    workshop.post("2026-11-23")
    figures = money_figures(workshop.scope, D("2026-11-23"))
    assert figures.source_dollar_12m == 1000 + 400 + 300
    assert figures.rolling_sourced_mrr_12m == 1000 + 200
    assert sold_in_12_months(workshop.scope, D("2026-11-23"), ["sourced", "assisted"]) == 1000 + 400 + 300 + 70
    # What is left is as of the day: before the downgrade and the cancellation, all of it.
    assert money_figures(workshop.scope, D("2026-01-31")).rolling_sourced_mrr_12m == 1000 + 1000 + 400 + 300


def test_expiry_takes_nothing_from_the_rolling_figure(workshop):
    """29 February 2024 and 12 months is 28 February 2025: expired on it, and still inside the 12 months up to it."""
    workshop.deal("A", "2024-02-29", "500")
    workshop.post("2026-11-23")
    assert workshop.points("2025-02-28").total == 0
    assert money_figures(workshop.scope, D("2025-02-28")).rolling_sourced_mrr_12m == 500


JANUARY = Period(D("2026-01-01"), D("2026-01-31"))


@pytest.mark.parametrize(
    ("created", "closed", "values", "counts"),
    [
        ("2026-01-01", None, {}, (1, 1, 0)),
        ("2026-01-31", None, {"origin": "none"}, (1, 0, 0)),
        ("2026-02-01", None, {}, (0, 0, 0)),
        ("2025-12-31", None, {}, (0, 1, 0)),
        ("2025-12-31", None, {"registered": False}, (0, 0, 0)),
        ("2025-12-31", "2026-01-31", {}, (0, 0, 1)),
        ("2025-12-31", "2026-02-01", {}, (0, 1, 0)),
        ("2025-12-31", "2026-02-01", {"stage": "lost"}, (0, 1, 0)),
        ("2025-12-31", "2026-01-31", {"stage": "lost"}, (0, 0, 0)),
        ("2025-12-31", "2026-01-15", {"stage": "open"}, (0, 1, 0)),  # the day an open deal is to close says nothing
        ("2025-12-31", "2026-01-01", {"origin": "assisted"}, (0, 0, 1)),
    ],
)
def test_which_deals_are_shared_selling(workshop, created, closed, values, counts):
    workshop.deal("D1", closed, **{"registered": True, "created_on": D(created)} | values)
    found = shared_selling_of(workshop.scope, JANUARY)
    assert (found.created.count, found.in_flight.count, found.won.count) == counts


def test_shared_deals_are_valued_on_days_of_their_own(workshop):
    """EUR 6,600 is 8,800 points-dollars by the table before 15 July 2025, and 7,500 by the one since."""
    eur = {"registered": True, "currency": "EUR"}
    workshop.deal("D1", None, "6600", created_on=D("2025-07-14"), **eur)
    workshop.deal("D2", "2025-07-14", "6600", created_on=D("2025-06-01"), **eur)
    workshop.deal("D3", "2025-07-15", "6600", created_on=D("2025-06-01"), **eur)
    found = shared_selling_of(workshop.scope, Period(D("2025-07-01"), D("2025-07-31")))
    assert (found.created, found.in_flight) == (DealSum(1, 8800), DealSum(1, 7500))
    assert found.won == DealSum(2, 8800 + 7500)
