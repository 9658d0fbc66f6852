"""Every cause has its sentence."""

from datetime import date
from decimal import Decimal

import pytest

from ledger.engine import entries
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from ledger.why_text import why
from partner_portal.formats.numbers import exact_money, exact_number

D = date.fromisoformat
number, money = exact_number, exact_money


def deal(deal_id: str, closed_on: str, mrr: str, *, kind: str = "new", origin: str = "sourced", currency: str = "USD"):
    return DealFact.read(deal_id, "Sales Hub", kind, origin, "won", Decimal(mrr), currency, D(closed_on))


def sentences(rulebook, facts: ClientFacts, until: str = "2027-01-01") -> list[str]:
    return [why(entry) for entry in entries(facts, rulebook, D(until))]


def test_a_lot_from_sale_to_expiry(rulebook):
    facts = ClientFacts(
        "MX", [deal("D1", "2025-08-01", "1234.50"), deal("D2", "2025-09-01", "411.50", kind="downgrade")]
    )
    assert sentences(rulebook, facts) == [
        "USD 1,234.50 / 100 per US$100 x 5 (sourced) x 2 = 123.45",
        "Downgrade D2 of USD 411.50 took 33.3333% of its product line: "
        "41.15 of the 123.45 points that deal D1 had left.",
        "All that remained of the 123.45 points of deal D1, 82.3, expired 12 months after 1 Aug 2025.",
    ]


def test_a_whole_lot_expires(rulebook):
    facts = ClientFacts("US", [deal("D1", "2024-02-29", "1000", origin="assisted")])
    assert sentences(rulebook, facts) == [
        "USD 1,000.00 / 100 per US$100 x 3 (assisted) x 1 = 30",
        "All 30 points of deal D1 expired 12 months after 29 Feb 2024.",
    ]


@pytest.mark.parametrize(("line", "what"), [("Sales Hub", "Sales Hub"), ("", "the whole client")])
def test_a_cancellation(rulebook, line, what):
    facts = ClientFacts(
        "GB",
        [deal("D1", "2025-06-01", "62.50", currency="GBP")],
        cancellations=[CancellationFact(line, D("2025-07-03"))],
    )
    assert sentences(rulebook, facts) == [
        "GBP 62.50 / 62.5 per US$100 x 5 (sourced) x 1 = 5",
        f"All 5 points of deal D1 were lost when {what} was cancelled on 3 Jul 2025.",
    ]


def test_managed_points(rulebook):
    services = [
        ServiceFact(D("2025-01-01"), D("2025-02-01"), Decimal(1000), "USD", 2),
        ServiceFact(D("2025-02-01"), D("2025-03-01"), Decimal(1000), "USD", 1),
        ServiceFact(D("2025-03-01"), D("2025-04-01"), Decimal(400), "USD", 1),
        ServiceFact(D("2025-05-01"), D("2025-06-01"), Decimal(400), "USD", 1),
        ServiceFact(D("2025-06-01"), None, Decimal(300), "USD", 1),
        ServiceFact(D("2025-06-15"), None, Decimal(300), "USD", 1),
    ]
    cancellations = [CancellationFact("", D("2025-06-01")), CancellationFact("", D("2025-07-01"))]
    assert sentences(rulebook, ClientFacts("US", services=services, cancellations=cancellations)) == [
        "USD 1,000.00 / 100 per US$100 x 1 (managed) x 1 / 2 managing partners = 5",
        "From 5 to 10: USD 1,000.00 / 100 per US$100 x 1 (managed) x 1 / 1 managing partner = 10",
        "From 10 to 4: USD 400.00 / 100 per US$100 x 1 (managed) x 1 / 1 managing partner = 4",
        "From 4 to 0: no service is in force from 1 Apr 2025 on.",
        "USD 400.00 / 100 per US$100 x 1 (managed) x 1 / 1 managing partner = 4",
        "From 4 to 3, with the whole client cancelled that day: "
        "USD 300.00 / 100 per US$100 x 1 (managed) x 1 / 1 managing partner = 3",
        "From 3 to 6: 6 points in force from several services at once.",
        "From 6 to 0: the whole client was cancelled on 1 Jul 2025.",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [("50.0000", "50"), ("300300", "300,300"), ("62.50", "62.5"), ("0.0001", "0.0001"), ("-1E+3", "-1,000")],
)
def test_numbers_are_in_full(value, text):
    assert number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"), [("880", "EUR 880.00"), ("1234567.5", "EUR 1,234,567.50"), ("0.125", "EUR 0.125")]
)
def test_money_has_at_least_two_decimals(value, text):
    assert money(Decimal(value), "EUR") == text


def test_without_money_no_amount_is_told(rulebook):
    facts = ClientFacts(
        "MX",
        [deal("D1", "2025-08-01", "1234.50"), deal("D2", "2025-09-01", "411.50", kind="downgrade")],
        [
            ServiceFact(D("2025-08-01"), D("2025-10-01"), Decimal("777.70"), "USD", 2),
            ServiceFact(D("2025-10-01"), None, Decimal("888.80"), "USD", 1),
        ],
    )
    told = [why(entry, with_money=False) for entry in entries(facts, rulebook, D("2025-12-31"))]
    assert told == [
        "MRR in units of US$100 x 5 (sourced) x 2 = 123.45",
        "MRR in units of US$100 x 1 (managed) x 2 / 2 managing partners = 7.777",
        "Downgrade D2 took 33.3333% of its product line: 41.15 of the 123.45 points that deal D1 had left.",
        "From 7.777 to 17.776: MRR in units of US$100 x 1 (managed) x 2 / 1 managing partner = 17.776",
    ]
