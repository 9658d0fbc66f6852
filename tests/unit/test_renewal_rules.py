"""Points at stake and tier impact, worked by hand under the programme as shipped (points.md 10)."""

from datetime import date
from decimal import Decimal

import pytest

from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from renewals import rules
from renewals.calendar_file import Event, calendar_file
from renewals.rules import Stake, StakeLot
from tests.reference import stakes as reference

D = date.fromisoformat


def deal(deal_id, line, closed_on, mrr, kind="new", origin="sourced"):
    return DealFact.read(deal_id, line, kind, origin, "won", Decimal(mrr), "USD", D(closed_on))


@pytest.fixture
def stake(rulebook):
    """Sold and managed points at stake, as texts."""

    def texts(facts, line, day, others=()):
        found = reference.stake(facts, rulebook, line, others, D(day))
        return str(found.sold.normalize()), str(found.managed.normalize())

    return texts


FACTS = ClientFacts(
    "US",
    [
        deal("D1", "Sales Hub", "2026-01-10", "1000"),  # 50 points until 10 January 2027
        deal("D2", "Sales Hub", "2026-06-01", "200", "upgrade"),  # 10 until 1 June 2027
        deal("D3", "Sales Hub", "2026-07-01", "300", "upgrade", "assisted"),  # 9 until 1 July 2027
    ],
    [ServiceFact(D("2026-01-10"), None, Decimal("1500"), "USD", 1)],  # 15 managed
)


def test_the_deadline_is_45_days_before():
    assert rules.deadline(D("2027-01-15")) == D("2026-12-01")


def test_what_is_left_of_the_line_on_the_day_and_managed_when_it_is_the_only_line(rulebook, stake):
    assert stake(FACTS, "Sales Hub", "2027-01-09") == ("69", "15")


def test_a_lot_that_expires_by_the_day_is_not_at_stake(rulebook, stake):
    assert stake(FACTS, "Sales Hub", "2027-01-10") == ("19", "15")


def test_managed_points_stay_when_the_client_has_another_line(rulebook, stake):
    two = ClientFacts("US", [*FACTS.deals, deal("D4", "Service Hub", "2026-05-01", "100")], FACTS.services)
    assert stake(two, "Sales Hub", "2027-01-09") == ("69", "0")
    assert stake(two, "Service Hub", "2027-01-09") == ("5", "0")
    assert stake(FACTS, "Sales Hub", "2027-01-09", ["Service Hub"]) == ("69", "0")


def test_a_cancelled_line_is_no_other_line(rulebook, stake):
    gone = [CancellationFact("Service Hub", D("2026-12-01"))]
    two = ClientFacts("US", [*FACTS.deals, deal("D4", "Service Hub", "2026-05-01", "100")], FACTS.services, gone)
    assert stake(two, "Sales Hub", "2027-01-09") == ("69", "15")
    assert stake(two, "Sales Hub", "2026-11-30") == ("69", "0")
    assert stake(FACTS.__class__("US", FACTS.deals, FACTS.services, gone), "Sales Hub", "2027-01-09", ["Service Hub"]) == (
        "69", "15",
    )  # fmt: skip


def test_a_line_that_is_known_to_be_cancelled_has_nothing_left(rulebook, stake):
    gone = ClientFacts("US", FACTS.deals, FACTS.services, [CancellationFact("Sales Hub", D("2026-12-24"))])
    assert stake(gone, "Sales Hub", "2027-01-09") == ("0", "15")
    whole = ClientFacts("US", FACTS.deals, FACTS.services, [CancellationFact("", D("2026-12-24"))])
    assert stake(whole, "Sales Hub", "2027-01-09") == ("0", "0")


class Measured:
    """Sourced, assisted and managed points that stay the same; certified."""

    def __init__(self, sourced, assisted, managed):
        self.tracks = {"sourced_points": Decimal(sourced), "managed_points": Decimal(managed)}
        self.tracks["sold_points"] = Decimal(sourced) + Decimal(assisted)
        self.tracks["total_points"] = self.tracks["sold_points"] + Decimal(managed)

    def value(self, metric, on):
        return self.tracks.get(metric)

    def certified(self, on):
        return True


REVIEW = D("2027-01-15")


def lot(points, track="sourced", expires="2027-06-01"):
    return StakeLot(track, Decimal(points), D(expires))


def test_the_gap_to_the_credited_tier_76_to_89(rulebook, stake):
    # Diamond needs 1,260 in total and 320 sourced.
    found = rules.Impacts(Measured(356, 212, 616), rulebook, "Diamond").of(Stake((lot(13),), Decimal(0)), REVIEW)
    assert (found.gap_with, found.gap_without, found.with_tier, found.without_tier) == (76, 89, "Platinum", "Platinum")
    assert (found.falls, found.fails) == (False, ())


def test_a_requirement_that_only_these_points_met_is_named(rulebook, stake):
    found = rules.Impacts(Measured(356, 212, 616), rulebook, "Diamond").of(Stake((lot(42),), Decimal(0)), REVIEW)
    assert (found.gap_without, found.fails) == (118, ("sourced_points",))


def test_a_tier_that_hangs_on_these_points(rulebook, stake):
    found = rules.Impacts(Measured(122, 200, 160), rulebook, "Gold").of(Stake((lot(5),), Decimal(3)), REVIEW)
    assert (found.with_tier, found.without_tier, found.falls) == ("Platinum", "Gold", True)


def test_what_expires_before_the_review_is_gone_either_way(rulebook, stake):
    early = Stake((lot(50, expires="2027-01-15"), lot(10)), Decimal(0))
    found = rules.Impacts(Measured(356, 212, 616), rulebook, "Diamond").of(early, REVIEW)
    assert (early.points, found.gap_without) == (60, 86)


def test_untiered_has_no_gap(rulebook, stake):
    found = rules.Impacts(Measured(0, 0, 0), rulebook, None).of(Stake((), Decimal(0)), REVIEW)
    assert (found.gap_with, found.with_tier) == (None, None)


@pytest.mark.parametrize(("day", "review"), [("2027-01-15", "2027-01-15"), ("2027-01-16", "2027-07-15")])
def test_the_next_review_on_or_after_the_renewal(rulebook, stake, day, review):
    assert rules.review_on_or_after(rulebook, D(day)) == D(review)


def test_a_calendar_file_is_escaped_and_folded():
    from datetime import UTC, datetime

    event = Event(
        "renewal-1@x", D("2026-12-01"), "Müller; Söhne, GmbH" + "ü" * 60, "a\nb\\c", "https://portal.example/renewals/"
    )
    body = calendar_file("Renewals", [event], datetime(2026, 11, 23, 6, 10, tzinfo=UTC))
    lines = body.split(b"\r\n")
    assert lines[-1] == b""
    assert all(len(line) <= 75 for line in lines)
    assert b"\n" not in body.replace(b"\r\n", b"")
    whole = body.replace(b"\r\n ", b"").decode()
    assert "SUMMARY:Müller\\; Söhne\\, GmbH" + "ü" * 60 + "\r\n" in whole
    assert "DESCRIPTION:a\\nb\\\\c\r\n" in whole
    assert "DTSTART;VALUE=DATE:20261201\r\nDTEND;VALUE=DATE:20261202\r\n" in whole
    assert "DTSTAMP:20261123T061000Z" in whole
