"""A plan adds facts; the ledger's own rules make points of them."""

from datetime import date
from decimal import Decimal

from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from tiers.plans.rules import Assumptions, ExtraDeal, changes_of, from_json, planned, to_json

D = date.fromisoformat
TODAY, UNTIL = D("2026-11-23"), D("2027-07-15")
OPEN = DealFact.read("D1", "CRM", "new", "sourced", "open", Decimal(1000), "USD", None)
WON = DealFact.read("D2", "Chat", "new", "assisted", "won", Decimal(1000), "USD", D("2026-03-01"))
NOTHING = Assumptions({}, {}, {})


def sums(changes, on):
    found = {}
    for day, track, points in changes:
        if day <= on:
            found[track] = found.get(track, Decimal(0)) + points
    return {track: points for track, points in found.items() if points}


def changes(plan, facts, rulebook):
    return changes_of([("C1", facts)], plan, rulebook, TODAY, UNTIL)


def test_an_open_deal_that_is_won_brings_its_points_on_its_day(rulebook):
    found = changes(Assumptions({"D1": D("2026-12-10")}, {}, {}), ClientFacts("US", [OPEN, WON]), rulebook)
    assert sums(found, D("2026-12-09")) == {}
    assert sums(found, D("2026-12-10")) == {"sourced": Decimal("50.0000")}


def test_a_lost_client_loses_its_lots_and_its_managed_points(rulebook):
    facts = ClientFacts("US", [WON], [ServiceFact(D("2026-01-01"), None, Decimal(2000), "USD", 2)])
    found = changes(Assumptions({}, {}, {"C1": D("2027-01-01")}), facts, rulebook)
    assert sums(found, D("2027-01-01")) == {"assisted": Decimal("-30.0000"), "managed": Decimal("-10.0000")}
    assert sums(found, UNTIL) == {"managed": Decimal("-10.0000")}  # the lot would have expired anyway


def test_a_lost_renewal_takes_its_line_only(rulebook):
    other = DealFact.read("D3", "Ads", "new", "sourced", "won", Decimal(1000), "USD", D("2026-03-01"))
    plan = Assumptions({}, {("C1", "Chat"): D("2026-12-31")}, {})
    assert sums(changes(plan, ClientFacts("US", [WON, other]), rulebook), D("2026-12-31")) == {
        "assisted": Decimal("-30.0000")
    }


def test_a_hypothetical_deal_follows_market_and_managing_partners(rulebook):
    deal = ExtraDeal(Decimal(1000), "USD", "sourced", True, D("2026-12-01"), manage=True, others=1)
    found = changes_of([], Assumptions({}, {}, {}, (deal,)), rulebook, TODAY, UNTIL)
    assert sums(found, UNTIL) == {"sourced": Decimal("100.0000"), "managed": Decimal("10.0000")}


def test_an_upgrade_of_an_old_line_keeps_the_lines_rate(rulebook):
    first = DealFact.read("D4", "CRM", "new", "sourced", "won", Decimal(1000), "USD", D("2021-10-15"))
    upgrade = DealFact.read("D5", "CRM", "upgrade", "sourced", "open", Decimal(500), "USD", None)
    found = changes(Assumptions({"D5": D("2026-12-01")}, {}, {}), ClientFacts("US", [first, upgrade]), rulebook)
    assert sums(found, UNTIL) == {"sourced": Decimal("15.0000")}


def test_a_deal_that_is_no_longer_open_is_left_alone(rulebook):
    facts = ClientFacts("US", [WON])
    assert planned("C1", facts, Assumptions({"D2": D("2027-01-01")}, {}, {}), TODAY) == planned(
        "C1", facts, NOTHING, TODAY
    )


def test_nothing_assumed_changes_nothing(rulebook):
    facts = ClientFacts("US", [OPEN, WON], [], [CancellationFact("Chat", D("2027-01-01"))])
    assert sums(changes(NOTHING, facts, rulebook), UNTIL) == {}


def test_what_is_written_reads_back():
    plan = Assumptions(
        {"D1": D("2026-12-10")},
        {("C1", "a line, with; signs"): D("2027-01-01")},
        {"C/2": D("2027-02-01")},
        (ExtraDeal(Decimal("12.50"), "EUR", "assisted", True, D("2026-12-24"), manage=True, others=2),),
    )
    assert from_json(to_json(plan)) == plan


def test_lines_that_became_one_are_lost_once_on_the_earlier_day():
    names = {"A": "B"}
    days = {("C1", "A"): date(2027, 2, 1), ("C1", "B"): date(2027, 3, 1), ("C2", "A"): date(2027, 4, 1)}
    assumed = Assumptions(deals={}, lost_lines=days, lost_clients={})
    assert assumed.with_lines(lambda line: names.get(line, line)).lost_lines == {
        ("C1", "B"): date(2027, 2, 1),
        ("C2", "B"): date(2027, 4, 1),
    }
