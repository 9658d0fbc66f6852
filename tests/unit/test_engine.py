"""The fine print of the ledger (`docs/points.md` 3 and 12), case by case."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from ledger.engine import deal_lives, entries, lines_in_force, lots, managed
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from program.rulebook import UnknownCurrencyError

D = date.fromisoformat
FAR = D("2099-12-31")


def deal(
    deal_id: str,
    closed_on: str | None,
    mrr: str = "1000",
    *,
    kind: str = "new",
    origin: str = "sourced",
    line: str = "Sales Hub",
    currency: str = "USD",
    stage: str = "won",
) -> DealFact:
    return DealFact.read(
        deal_id, line, kind, origin, stage, Decimal(mrr), currency, None if closed_on is None else D(closed_on)
    )


def service(start: str, end: str | None, mrr: str = "1000", partners: int = 1, currency: str = "USD") -> ServiceFact:
    return ServiceFact(D(start), None if end is None else D(end), Decimal(mrr), currency, partners)


def facts(*deals: DealFact, country: str = "US", services=(), cancellations=()) -> ClientFacts:
    gone = [CancellationFact(line, D(on)) for line, on in cancellations]
    return ClientFacts(country, deals, services, gone)


def posted(rulebook, of: ClientFacts, until: date = FAR) -> list[tuple[str, str, str | None, str, str]]:
    return [
        (row.on.isoformat(), row.cause, row.deal_id, row.track, f"{row.points.normalize():f}")
        for row in entries(of, rulebook, until)
    ]


class TestSoldLots:
    def test_deals_that_earn_nothing(self, rulebook):
        of = facts(
            deal("A", "2025-01-01", origin="none"),
            deal("B", "2025-01-01", stage="lost"),
            deal("C", "2025-01-01", stage="open"),
            deal("D", None),
            deal("E", "2025-01-01", "0.01", currency="COP"),  # 0.00000017 points round to 0
        )
        assert posted(rulebook, of) == []

    def test_the_first_sale_of_a_line_decides_the_rate_even_without_points(self, rulebook):
        of = facts(deal("A", "2024-02-26", origin="none"), deal("B", "2024-03-01", kind="upgrade"))
        (lot,) = lots(of, rulebook, D("2024-03-01"))
        assert (lot.earned, lot.earning.line_sold_on) == (30, D("2024-02-26"))

    def test_after_a_cancellation_the_line_is_sold_anew(self, rulebook):
        of = facts(
            deal("A", "2023-06-01"),
            deal("B", "2024-05-01", kind="upgrade"),
            cancellations=[("Sales Hub", "2024-04-01")],
        )
        assert posted(rulebook, of, D("2024-12-31")) == [
            ("2023-06-01", "earned", "A", "sourced", "30"),
            ("2024-04-01", "churned", "A", "sourced", "-30"),
            ("2024-05-01", "earned", "B", "sourced", "50"),
        ]

    def test_a_sale_on_the_day_of_a_cancellation_comes_after_it(self, rulebook):
        of = facts(deal("A", "2023-06-01"), deal("B", "2024-04-01", kind="upgrade"), cancellations=[("", "2024-04-01")])
        assert posted(rulebook, of, D("2024-12-31"))[1:] == [
            ("2024-04-01", "churned", "A", "sourced", "-30"),
            ("2024-04-01", "earned", "B", "sourced", "50"),
        ]

    def test_a_cancelled_line_leaves_the_others_alone(self, rulebook):
        of = facts(
            deal("A", "2024-03-01"),
            deal("B", "2024-03-01", line="Marketing Hub"),
            cancellations=[("Sales Hub", "2024-06-01"), ("Service Hub", "2024-06-01")],
        )
        assert [(lot.deal.deal_id, lot.remaining, lot.state) for lot in lots(of, rulebook, D("2024-06-01"))] == [
            ("A", 0, "lost"),
            ("B", 50, "active"),
        ]

    def test_on_its_last_day_a_lot_expires_and_the_cancellation_finds_nothing(self, rulebook):
        of = facts(deal("A", "2024-03-01"), cancellations=[("", "2025-03-01")])
        assert posted(rulebook, of)[1:] == [("2025-03-01", "expired", "A", "sourced", "-50")]

    def test_points_are_rounded_once_half_to_even(self, rulebook):
        # 0.0125 / 100 x 3 would be 0.000375; amounts that end exactly between two fourth decimals:
        of = facts(
            deal("A", "2025-01-01", "0.001", line="a"),  # 0.00005 -> 0.0000
            deal("B", "2025-01-01", "0.003", line="b"),  # 0.00015 -> 0.0002
            deal("C", "2025-01-01", "100.01", currency="EUR", line="c"),  # 100.01 / 75 x 5 = 6.66733...
        )
        assert [lot.earned for lot in lots(of, rulebook, D("2025-01-01"))] == [0, Decimal("0.0002"), Decimal("6.6673")]

    def test_the_growth_factor_begins_with_the_list(self, rulebook):
        of = facts(deal("A", "2022-07-17", line="a"), deal("B", "2022-07-18", line="b"), country="IN")
        assert [lot.earned for lot in lots(of, rulebook, D("2022-07-18"))] == [30, 60]

    def test_an_unknown_currency_is_named_not_guessed(self, rulebook):
        of = facts(deal("A", "2025-08-01", currency="CHF"))
        with pytest.raises(UnknownCurrencyError, match=r"2025-07-15.*CHF"):
            entries(of, rulebook, FAR)
        assert entries(of, rulebook, D("2025-07-31")) == ()


class TestDowngrades:
    def test_size_counts_sales_of_any_origin(self, rulebook):
        of = facts(
            deal("A", "2025-01-01"),
            deal("B", "2025-01-02", "3000", kind="upgrade", origin="none"),
            deal("C", "2025-02-01", "400", kind="downgrade"),
        )
        assert posted(rulebook, of, D("2025-02-01"))[1:] == [("2025-02-01", "downgraded", "A", "sourced", "-5")]

    def test_each_downgrade_takes_a_part_of_what_is_left(self, rulebook):
        of = facts(
            deal("A", "2025-01-01"),
            deal("C", "2025-02-01", "200", kind="downgrade"),
            deal("B", "2025-02-01", "500", kind="downgrade"),
        )
        # B first: 500 of 1,000 takes 25; then C: 200 of 500 takes 10 of the 25 left.
        found = entries(of, rulebook, D("2025-02-01"))[1:]
        assert [(row.by_deal_id, row.points, row.share) for row in found] == [
            ("B", -25, Decimal("0.5")),
            ("C", -10, Decimal("0.4")),
        ]
        assert len({row.key for row in found}) == 2

    def test_a_downgrade_larger_than_the_line_takes_all_and_the_size_stays_below_zero(self, rulebook):
        of = facts(
            deal("A", "2025-01-01"),
            deal("B", "2025-02-01", "1500", kind="downgrade"),  # size 10 -> -5
            deal("C", "2025-03-01", "300", kind="upgrade"),  # size -2
            deal("D", "2025-04-01", "1", kind="downgrade"),  # takes all, size <= 0
            deal("E", "2025-05-01", "1201", kind="upgrade"),  # size 10
            deal("F", "2025-06-01", "500", kind="downgrade"),  # takes a half
        )
        losses = [row for row in posted(rulebook, of, D("2025-06-01")) if row[1] == "downgraded"]
        assert losses == [
            ("2025-02-01", "downgraded", "A", "sourced", "-50"),
            ("2025-04-01", "downgraded", "C", "sourced", "-15"),
            ("2025-06-01", "downgraded", "E", "sourced", "-30.025"),
        ]

    @pytest.mark.parametrize("cancelled", [[], [("Sales Hub", "2025-02-01")], [("", "2025-02-01")]])
    def test_a_downgrade_of_a_line_that_is_not_sold_does_nothing_for_ever(self, rulebook, cancelled):
        first = [deal("A", "2025-01-01")] if cancelled else []
        of = facts(
            *first,
            deal("B", "2025-02-01", "500", kind="downgrade"),
            deal("C", "2025-02-01", kind="new"),
            deal("D", "2025-03-01", "500", kind="downgrade"),
            cancellations=cancelled,
        )
        assert [row for row in posted(rulebook, of, D("2025-03-01")) if row[1] == "downgraded"] == [
            ("2025-03-01", "downgraded", "C", "sourced", "-25")
        ]

    def test_parts_are_exact_and_each_loss_is_rounded_once(self, rulebook):
        of = facts(
            deal("A", "2025-01-01", "100"),
            deal("B", "2025-01-02", "200", kind="upgrade"),
            deal("C", "2025-02-01", "100", kind="downgrade"),
        )
        found = entries(of, rulebook, D("2025-02-01"))[2:]
        assert [(row.deal_id, row.points, row.share) for row in found] == [
            ("A", Decimal("-1.6667"), Decimal("0.333333")),
            ("B", Decimal("-3.3333"), Decimal("0.333333")),
        ]
        assert [(row.before, row.after, row.lot_points) for row in found] == [
            (5, Decimal("3.3333"), 5),
            (10, Decimal("6.6667"), 10),
        ]

    def test_only_active_lots_lose(self, rulebook):
        of = facts(
            deal("A", "2025-01-01"),
            deal("B", "2025-06-01", kind="upgrade"),
            deal("C", "2026-01-01", "1000", kind="downgrade"),
        )
        assert posted(rulebook, of, D("2026-01-01"))[2:] == [
            ("2026-01-01", "expired", "A", "sourced", "-50"),
            ("2026-01-01", "downgraded", "B", "sourced", "-25"),
        ]

    def test_other_currencies_are_compared_in_units(self, rulebook):
        of = facts(
            deal("A", "2025-07-01", "750", currency="EUR"),  # 10 units
            deal("B", "2025-08-01", "440", currency="EUR", kind="downgrade"),  # 5 units by the new table
        )
        assert posted(rulebook, of, D("2025-08-01"))[1:] == [("2025-08-01", "downgraded", "A", "sourced", "-25")]


class TestLots:
    def test_states(self, rulebook):
        of = facts(
            deal("A", "2025-01-01", line="whole"),
            deal("B", "2025-01-01", line="partly"),
            deal("C", "2025-01-01", line="gone"),
            deal("D", "2025-01-01", line="shrunk"),
            deal("E", "2025-02-01", "500", line="partly", kind="downgrade"),
            deal("F", "2025-02-01", "5000", line="shrunk", kind="downgrade"),
            cancellations=[("gone", "2025-02-01")],
        )
        now = {
            lot.deal.deal_id: (lot.state, lot.remaining, lot.retained) for lot in lots(of, rulebook, D("2025-12-31"))
        }
        assert now == {
            "A": ("active", 50, 50),
            "B": ("partly_lost", 25, 25),
            "C": ("lost", 0, 0),
            "D": ("lost", 0, 0),
        }
        later = {
            lot.deal.deal_id: (lot.state, lot.remaining, lot.retained) for lot in lots(of, rulebook, D("2026-01-01"))
        }
        assert later == {
            "A": ("expired", 0, 50),
            "B": ("expired", 0, 25),
            "C": ("lost", 0, 0),
            "D": ("lost", 0, 0),
        }

    def test_losses_name_their_lot(self, rulebook):
        of = facts(deal("A", "2025-01-01"), deal("B", "2025-02-01", "500", kind="downgrade"))
        (lot,) = lots(of, rulebook, D("2026-01-01"))
        assert [(row.cause, row.points) for row in lot.losses] == [("downgraded", -25), ("expired", -25)]
        assert (lot.earned, lot.retained) == (50, 25)

    def test_lines_in_force(self, rulebook):
        of = facts(
            deal("A", "2025-01-01", line="kept"),
            deal("B", "2025-01-01", line="cancelled"),
            deal("C", "2025-01-01", line="again"),
            deal("D", "2025-03-01", line="again", origin="none"),
            deal("E", "2025-06-01", line="later"),
            deal("F", "2025-01-01", line="never", stage="lost"),
            cancellations=[("cancelled", "2025-02-01"), ("again", "2025-03-01"), ("kept", "2025-09-01")],
        )
        assert lines_in_force(of, D("2025-05-31")) == {"kept", "again"}
        assert lines_in_force(of, D("2025-09-01")) == {"again", "later"}


class TestManaged:
    def test_one_entry_a_day_with_the_right_cause(self, rulebook):
        of = facts(
            services=[
                service("2025-01-01", "2025-02-01"),
                service("2025-02-01", "2025-03-01", "2000"),
                service("2025-03-01", "2025-04-01", "2000", partners=4),
                service("2025-04-01", "2025-05-01", "500"),  # the same points: no entry
                service("2025-06-01", None, "500"),
            ]
        )
        assert posted(rulebook, of) == [
            ("2025-01-01", "earned", None, "managed", "10"),
            ("2025-02-01", "raised", None, "managed", "10"),
            ("2025-03-01", "reduced", None, "managed", "-15"),
            ("2025-05-01", "ended", None, "managed", "-5"),
            ("2025-06-01", "earned", None, "managed", "5"),
        ]

    def test_a_cancelled_client_loses_managed_points_until_a_service_starts_again(self, rulebook):
        of = facts(
            services=[service("2025-01-01", None), service("2025-06-01", None, "300")],
            cancellations=[("", "2025-03-01")],
        )
        assert posted(rulebook, of) == [
            ("2025-01-01", "earned", None, "managed", "10"),
            ("2025-03-01", "churned", None, "managed", "-10"),
            ("2025-06-01", "earned", None, "managed", "3"),
        ]

    def test_a_cancelled_line_does_not_touch_managed_points(self, rulebook):
        of = facts(services=[service("2025-01-01", None)], cancellations=[("Sales Hub", "2025-03-01")])
        assert posted(rulebook, of) == [("2025-01-01", "earned", None, "managed", "10")]

    def test_every_fall_on_the_day_of_a_cancellation_is_churned(self, rulebook):
        of = facts(
            services=[service("2025-01-01", "2025-03-01"), service("2025-03-01", "2025-04-01", "600")],
            cancellations=[("", "2025-03-01"), ("", "2025-04-01")],
        )
        assert posted(rulebook, of)[1:] == [
            ("2025-03-01", "churned", None, "managed", "-4"),
            ("2025-04-01", "churned", None, "managed", "-6"),
        ]

    def test_a_rise_on_the_day_of_a_cancellation_is_raised(self, rulebook):
        of = facts(
            services=[service("2025-01-01", "2025-03-01"), service("2025-03-01", None, "1600")],
            cancellations=[("", "2025-03-01")],
        )
        assert posted(rulebook, of)[1:] == [("2025-03-01", "raised", None, "managed", "6")]

    def test_points_stay_those_of_the_first_day(self, rulebook):
        of = facts(services=[service("2025-07-14", None, "750", currency="EUR")])
        assert managed(of, rulebook, D("2026-01-01")).points == 10
        assert managed(of, rulebook, D("2026-01-01")).mrr == 1000

    def test_the_state_of_a_day(self, rulebook):
        of = facts(services=[service("2025-01-01", "2025-02-01", "1000", partners=3)], country="IN")
        state = managed(of, rulebook, D("2025-01-31"))
        assert (state.points, state.mrr, len(state.services)) == (Decimal("6.6667"), Fraction(1000, 3), 1)
        assert managed(of, rulebook, D("2025-02-01")).points == 0
        assert managed(of, rulebook, D("2024-12-31")).points == 0

    def test_odd_services_do_no_harm(self, rulebook):
        of = facts(
            services=[
                service("2025-01-01", "2025-01-01"),
                service("2025-03-01", "2025-02-01"),
                service("2025-04-01", None, partners=0),
                service("2025-05-01", "2025-06-01"),  # overlaps
            ]
        )
        assert posted(rulebook, of) == [
            ("2025-04-01", "earned", None, "managed", "10"),
            ("2025-05-01", "raised", None, "managed", "10"),
            ("2025-06-01", "reduced", None, "managed", "-10"),
        ]


def test_the_order_within_a_day(rulebook):
    of = facts(
        deal("Z", "2024-06-01", line="old"),
        deal("Y", "2025-01-01", line="gone"),
        deal("X", "2025-01-01", line="shrunk"),
        deal("A", "2025-06-01", line="new"),
        deal("B", "2025-06-01", "500", line="shrunk", kind="downgrade"),
        services=[service("2025-06-01", None)],
        cancellations=[("gone", "2025-06-01")],
    )
    assert [row[1:4] for row in posted(rulebook, of, D("2025-06-01"))][3:] == [
        ("expired", "Z", "sourced"),
        ("churned", "Y", "sourced"),
        ("downgraded", "X", "sourced"),
        ("earned", "A", "sourced"),
        ("earned", None, "managed"),
    ]


class TestDealLives:
    def test_a_deal_lives_on_after_its_lot(self, rulebook):
        of = facts(
            deal("A", "2024-01-01"),
            deal("B", "2024-02-01", kind="upgrade", origin="none"),
            deal("C", "2025-06-01", "500", kind="downgrade"),
            cancellations=[("", "2026-06-01")],
        )
        first, second = deal_lives(of, rulebook, D("2027-01-01"))
        assert [first.share(D(day)) for day in ("2023-12-31", "2025-05-31", "2025-06-01", "2026-06-01")] == [
            0,
            1,
            Fraction(3, 4),
            0,
        ]
        assert (second.deal.origin, second.cancelled_on) == ("none", D("2026-06-01"))

    def test_the_future_is_not_known_before_its_day(self, rulebook):
        of = facts(deal("A", "2024-01-01"), cancellations=[("", "2024-06-01")])
        (life,) = deal_lives(of, rulebook, D("2024-05-31"))
        assert (life.cuts, life.cancelled_on) == ((), None)
