"""What the writer posts: the right entries, corrections as pairs, what falls due, and sums that always agree."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import ProgrammingError

from ledger.models import ClientPoints, DailyPoints, Lot, PointEntry, Posting
from ledger.queries import history_starts
from program.rulebook import UnknownCurrencyError


def test_a_sale_is_posted_with_its_working(workshop):
    workshop.deal("D1", "2025-08-01", "880", currency="EUR")
    workshop.post("2026-07-31", batch=7)
    entry = PointEntry.objects.get(partner=workshop.partner)
    assert (entry.points, entry.track, entry.cause, entry.on) == (Decimal(50), "sourced", "earned", date(2025, 8, 1))
    assert (entry.amount, entry.per_unit, entry.rate, entry.factor) == (880, 88, 5, 1)
    assert (entry.expires_on, entry.rule_set, entry.batch_id) == (date(2026, 8, 1), date(2025, 7, 15), 7)
    assert entry.deal.deal_id == "D1"


def test_posting_twice_posts_nothing_more(workshop):
    workshop.deal("D1", "2026-03-01")
    workshop.service("2026-03-01")
    first = workshop.post()
    again = workshop.post()
    assert (first.entries, again.entries) == (2, 0)
    assert workshop.wrong() == []


def test_a_changed_fact_is_corrected_by_a_pair(workshop):
    workshop.deal("D1", "2026-03-01", "1000")
    workshop.post()
    workshop.deal("D1", "2026-03-01", "600")
    result = workshop.post()
    assert (result.entries, result.corrections) == (2, 1)
    assert workshop.entries() == [
        ("2026-03-01", "sourced", "earned", Decimal("50.0000"), False),
        ("2026-03-01", "sourced", "earned", Decimal("30.0000"), False),
        ("2026-03-01", "sourced", "earned", Decimal("-50.0000"), True),
    ]
    reversal = PointEntry.objects.get(partner=workshop.partner, reverses__isnull=False)
    wrong, right = PointEntry.objects.filter(partner=workshop.partner, reverses=None).order_by("id")
    assert reversal.reverses == wrong
    assert (reversal.correction, right.correction, wrong.correction) == (True, True, False)
    assert workshop.points().total == 30
    assert workshop.wrong() == []


def test_a_correction_of_an_earlier_day_moves_both_days(workshop):
    workshop.deal("D1", "2026-03-01")
    workshop.post()
    workshop.deal("D1", "2026-05-01")
    workshop.post()
    assert workshop.points("2026-04-30").total == 0
    assert workshop.points("2026-05-01").total == 50
    assert DailyPoints.objects.get(partner=workshop.partner, on="2026-03-01").points == 0
    assert workshop.wrong() == []


def test_losses_follow_a_corrected_lot(workshop):
    """The loss itself is the same, but its lot is another entry now: it is posted anew to name it."""
    workshop.deal("D1", "2025-03-01", "1000")
    workshop.post()
    workshop.deal("D1", "2025-03-01", "1000", name="renamed")
    assert workshop.post().entries == 0
    workshop.deal("D1", "2025-03-01", "600")
    workshop.post()
    in_force = PointEntry.objects.filter(partner=workshop.partner, reverses=None, reversed_by=None).order_by("on")
    earned, expired = in_force
    assert (earned.points, expired.points, expired.lot) == (30, -30, earned)
    assert workshop.wrong() == []


def test_a_deal_that_is_no_longer_won_leaves_nothing(workshop):
    workshop.deal("D1", "2026-03-01")
    workshop.post()
    workshop.deal("D1", "2026-03-01", stage="lost")
    workshop.post()
    assert workshop.points().total == 0
    assert not Lot.objects.filter(partner=workshop.partner).exists()
    assert workshop.wrong() == []


def test_deals_of_one_day_that_move_to_another_client_together_leave_nothing_behind(workshop):
    for deal, line in (("D1", "Sales Hub"), ("D2", "Service Hub"), ("D3", "Content Hub")):
        workshop.deal(deal, "2025-10-01", product_line=line)
    workshop.deal("D4", "2025-10-01", client="C2")
    workshop.post()
    before = workshop.points("2025-10-01")
    for deal, line in (("D1", "Sales Hub"), ("D2", "Service Hub")):
        workshop.deal(deal, "2025-10-01", client="C3", product_line=line)
    result = workshop.post()
    assert (result.entries, result.corrections) == (8, 4)  # earned and expired of both: taken back, and posted again
    assert workshop.wrong() == []
    assert workshop.points("2025-10-01") == before
    lots = PointEntry.objects.filter(partner=workshop.partner, cause="earned", reverses=None, reversed_by=None)
    assert sorted(lots.values_list("deal__deal_id", "client__client_id")) == [
        ("D1", "C3"), ("D2", "C3"), ("D3", "C1"), ("D4", "C2")
    ]  # fmt: skip


def test_the_history_starts_where_the_first_entry_in_force_does(workshop):
    workshop.deal("D1", "2025-01-15")
    workshop.post()
    assert history_starts(workshop.scope) == date(2025, 1, 15)
    workshop.deal("D1", "2026-03-01")
    workshop.post()
    assert history_starts(workshop.scope) == date(2026, 3, 1)
    workshop.deal("D1", None)
    workshop.post()
    assert history_starts(workshop.scope) is None


def test_what_is_dated_ahead_counts_when_its_day_comes(workshop):
    workshop.day = date(2026, 11, 23)
    workshop.deal("D1", "2026-12-10")
    workshop.service("2026-12-01", "2026-12-20")
    assert workshop.post("2026-11-23").entries == 0
    assert workshop.catch_up("2026-12-10").entries == 2
    assert workshop.points().total == 60
    assert workshop.catch_up("2026-12-19").entries == 0
    assert workshop.catch_up("2026-12-20").entries == 1
    assert workshop.points().total == 50
    assert workshop.wrong() == []


def test_a_late_catch_up_gives_the_same_entries_as_a_daily_one(workshop):
    def facts():
        workshop.deal("D1", "2025-12-01")
        workshop.deal("D2", "2026-01-05", "500", kind="upgrade")
        workshop.service("2026-01-01", "2026-12-24")
        workshop.cancel("2027-01-03")

    facts()
    workshop.post("2026-11-23")
    for day in ("2026-11-30", "2026-12-01", "2026-12-24", "2027-01-03", "2027-01-05", "2027-02-01"):
        workshop.catch_up(day)
    daily = sorted(workshop.entries())
    from accounts.models import Partner
    from accounts.scope import set_tenant

    workshop.partner = Partner.objects.create(slug="workshop-2", name="The same, later")
    set_tenant(workshop.partner.pk)
    facts()
    workshop.post("2026-11-23")
    workshop.catch_up("2027-02-01")
    assert sorted(workshop.entries()) == daily
    assert workshop.points().total == 0


def test_moving_the_clock_back_unposts_nothing(workshop):
    workshop.deal("D1", "2026-03-01")
    workshop.post("2026-11-23")
    workshop.post("2026-01-01")
    assert Posting.objects.get(partner=workshop.partner).posted_through == date(2026, 11, 23)
    assert workshop.points("2026-01-01").total == 0
    assert workshop.points("2026-03-01").total == 50


def test_rules_that_were_rolled_back_are_not_taken_for_the_next_ones(workshop):
    from django.db import transaction

    from program.models import Program, SoldRate
    from program.queries import current
    from program.services import rules_changed

    def sourced(rate):
        SoldRate.objects.filter(start=date(2024, 2, 27)).update(sourced=rate)
        rules_changed(program=Program.objects.get())
        return current()[0].sold_rates[-1].sourced

    try:
        with transaction.atomic():
            assert sourced(7) == 7
            raise LookupError
    except LookupError:
        assert sourced(6) == 6


def test_changed_rules_are_posted_again_before_anybody_reads(workshop, django_assert_num_queries):
    from ledger.services import catch_up_if_behind
    from ledger.verification import under_former_rules
    from program.models import Program, SoldRate
    from program.services import rules_changed

    workshop.deal("D1", "2026-03-01")
    workshop.post()
    with django_assert_num_queries(1):
        catch_up_if_behind(scope=workshop.scope)
    SoldRate.objects.filter(start=date(2024, 2, 27)).update(sourced=6)
    rules_changed(program=Program.objects.get())
    assert workshop.wrong() == []  # the sums; its entries follow from former rules
    assert under_former_rules(workshop.scope)
    catch_up_if_behind(scope=workshop.scope)
    assert workshop.points().total == 60
    assert workshop.wrong() == []


def test_workers_post_every_ledger_again_once_new_rules_are_committed(
    partner, other_partner, monkeypatch, django_capture_on_commit_callbacks
):
    from accounts.scope import partners_with
    from ledger import tasks
    from ledger.queries import due_by_clock
    from program.models import Program
    from program.services import rules_changed

    handed = []
    monkeypatch.setattr(tasks.catch_up_ledgers, "delay", tasks.catch_up_ledgers)
    monkeypatch.setattr(tasks.catch_up_ledger, "delay", handed.append)
    with django_capture_on_commit_callbacks(execute=True):
        rules_changed(program=Program.objects.get())
        assert handed == []
    assert handed == [partner.pk, other_partner.pk]
    tasks.catch_up_ledger(partner.pk)
    assert partners_with(due_by_clock()) == [other_partner]


def test_sums_by_lot_and_client(workshop):
    workshop.deal("A", "2026-01-10", "1000")
    workshop.deal("B", "2026-02-10", "500", kind="upgrade", origin="assisted")
    workshop.deal("C", "2026-03-10", "300", kind="downgrade")
    workshop.service("2026-01-10", mrr="2000", partners=2)
    workshop.post()
    assert list(
        Lot.objects.filter(partner=workshop.partner).order_by("earned_on").values_list("earned", "remaining")
    ) == [
        (50, 40),
        (15, 12),
    ]
    row = ClientPoints.objects.get(partner=workshop.partner)
    assert (row.sourced, row.assisted, row.managed, row.total) == (40, 12, 10, 62)


def test_every_post_moves_the_generation_only_when_something_moved(workshop):
    from accounts.models import Partner

    def generation():
        return Partner.objects.get(pk=workshop.partner.pk).generation

    workshop.deal("D1", "2026-03-01")
    workshop.post()
    first = generation()
    workshop.post()
    assert generation() == first
    workshop.deal("D1", "2026-03-01", "10")
    workshop.post()
    assert generation() > first


@pytest.fixture
def pieces_of_one_client(monkeypatch):
    """A client is a piece, and large enough for the planner to be told."""
    monkeypatch.setattr("ledger.posting.PIECE", 1)
    monkeypatch.setattr("partner_portal.lib.db.analyze.MANY_ROWS", 1)


@pytest.mark.usefixtures("pieces_of_one_client")
def test_clients_are_posted_piece_by_piece(workshop):
    for number in range(1, 5):
        workshop.deal(f"D{number}", "2026-03-01", "1000", client=f"C{number}")
    workshop.cancel("2026-05-01", client="C2")
    workshop.deal("D9", "2026-03-01", "200", client="C3")
    first = workshop.post()
    assert (first.entries, first.corrections, first.clients) == (6, 0, 4)
    assert workshop.points().total == 160  # C1 50, C2 none since it left, C3 60, C4 50
    assert workshop.wrong() == []
    for number in (1, 3, 4):
        workshop.deal(f"D{number}", "2026-03-01", "600", client=f"C{number}")
    second = workshop.post()
    assert (second.entries, second.corrections, second.clients) == (6, 3, 3)
    assert workshop.points().total == 100  # 30, 40 and 30
    assert workshop.wrong() == []
    day = DailyPoints.objects.get(partner=workshop.partner, on="2026-03-01", cause="earned")
    assert (day.points, day.entries) == (150, 11)  # what C2 earned is lost on another day
    assert ClientPoints.objects.filter(partner=workshop.partner).count() == 4
    assert PointEntry.objects.filter(partner=workshop.partner).values("pk").distinct().count() == 12


@pytest.mark.usefixtures("pieces_of_one_client")
def test_a_piece_that_fails_leaves_nothing_of_those_before(workshop):
    for number in range(1, 4):
        workshop.deal(f"D{number}", "2026-03-01", client=f"C{number}")
    workshop.deal("D3", "2026-03-01", client="C3", currency="XXX")
    with pytest.raises(UnknownCurrencyError):
        workshop.post()
    assert workshop.entries() == []
    workshop.deal("D3", "2026-03-01", client="C3")
    workshop.post()
    assert workshop.points().total == 150
    assert workshop.wrong() == []


def test_a_piece_that_the_database_refuses_fails_the_posting(workshop, monkeypatch):
    monkeypatch.setattr("ledger.posting.PIECE", 1)
    monkeypatch.setattr("ledger.services.LOTS_OF_CLIENTS", "(entry_id) SELECT %s::bigint[], %s")
    for number in range(1, 4):
        workshop.deal(f"D{number}", "2026-03-01", client=f"C{number}")
    with pytest.raises(ProgrammingError):
        workshop.post()
    assert workshop.entries() == []
