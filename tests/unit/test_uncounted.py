"""Why a client does not count, one case a reason."""

from datetime import date
from decimal import Decimal

import pytest

from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from tiers.no_points_reasons import uncounted
from tiers.no_points_text import no_points_text

D = date.fromisoformat
ON = D("2026-11-23")


def deal(number, *, stage="won", origin="sourced", closed="2026-03-01", kind="new", mrr="1000"):
    return DealFact.read(f"D{number}", "CRM", kind, origin, stage, Decimal(mrr), "USD", D(closed) if closed else None)


def service(start, end=None):
    return ServiceFact(D(start), D(end) if end else None, Decimal(1000), "USD", 1)


def facts(*deals, services=(), cancellations=()):
    return ClientFacts("US", deals, services, cancellations)


def test_a_client_with_points_has_no_reasons(rulebook):
    found = uncounted(facts(deal(1), services=[service("2026-01-01")]), rulebook, ON)
    assert found.sold == found.managed == ()
    assert not found.wholly


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (facts(), "Nothing was sold to this client"),
        (facts(deal(1, stage="open", closed=None)), "Deal D1 is still open: points come on the day a deal is won."),
        (facts(deal(1, stage="lost")), "Deal D1 was lost."),
        (facts(deal(1, origin="none")), "Deal D1 is of origin “none”: neither sourced nor assisted by us."),
        (facts(deal(1, origin="none"), deal(2, origin="none")), "Deals D1 and D2 are of origin “none”"),
        (facts(deal(1, closed="2025-03-01")), "The points of deal D1, won on 1 Mar 2025, expired on 1 Mar 2026."),
        (facts(deal(1, closed="2026-12-01")), "Deal D1 is won only from 1 Dec 2026 on."),
        (
            facts(deal(1), cancellations=[CancellationFact("", D("2026-06-01"))]),
            "The whole client was cancelled on 1 Jun 2026, which took the 50 points of deal D1.",
        ),
        (
            facts(deal(1), cancellations=[CancellationFact("CRM", D("2026-06-01"))]),
            "“CRM” was cancelled on 1 Jun 2026, which took the 50 points of deal D1.",
        ),
        (
            facts(deal(1), deal(2, kind="downgrade", closed="2026-05-01")),
            "Downgrade D2 of 1 May 2026 took all that was left of deal D1.",
        ),
    ],
)
def test_why_there_are_no_sold_points(rulebook, given, says):
    assert any(says in no_points_text(reason) for reason in uncounted(given, rulebook, ON).sold)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (facts(), "We never managed this client"),
        (facts(services=[service("2025-01-01", "2026-03-01")]), "Not managed since 1 Mar 2026"),
        (facts(services=[service("2027-01-01")]), "The next service starts on 1 Jan 2027."),
        (
            facts(services=[service("2025-01-01")], cancellations=[CancellationFact("", D("2026-02-02"))]),
            "The whole client was cancelled on 2 Feb 2026, which ended its managed points.",
        ),
    ],
)
def test_why_there_are_no_managed_points(rulebook, given, says):
    assert any(says in no_points_text(reason) for reason in uncounted(given, rulebook, ON).managed)


def test_four_deals_are_counted_not_named(rulebook):
    found = uncounted(facts(*(deal(number, stage="lost") for number in range(4))), rulebook, ON)
    assert [no_points_text(reason) for reason in found.sold] == ["4 deals were lost."]
