"""What must hold for any facts: order does not matter, sums add up, a plain day-by-day reading of the rules agrees."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.engine import entries, lots, managed
from ledger.records import CancellationFact, ClientFacts, DealFact, Entry, ServiceFact
from ledger.series import PointSeries, PointTotals, without
from ledger.why_text import why
from partner_portal.lib.dates.months import add_months
from program.rulebook import Rulebook
from program.terms import GAINS, SALES, SOLD_TRACKS, Track

FIRST = date(2023, 12, 1)
LAST = date(2025, 12, 31)
# Few distinct days, so that things meet on one day; 29 February and the days around rule changes among them.
DAYS = st.sampled_from(
    [date(2024, 2, 26), date(2024, 2, 27), date(2024, 2, 28), date(2024, 2, 29), date(2025, 2, 28), date(2025, 7, 15)]
) | st.dates(FIRST, LAST)
LINES = st.sampled_from(["Sales Hub", "Marketing Hub", ""])
AMOUNTS = st.decimals("0.01", "5000", places=2)
CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "COP"])


@st.composite
def clients(draw: st.DrawFn) -> ClientFacts:
    rows = draw(
        st.lists(
            st.tuples(
                LINES,
                st.sampled_from(["new", "cross_sell", "upgrade", "downgrade"]),
                st.sampled_from(["sourced", "assisted", "none"]),
                st.sampled_from(["won", "won", "won", "lost", "open"]),
                AMOUNTS,
                CURRENCIES,
                st.none() | DAYS,
            ),
            max_size=9,
        )
    )
    deals = [DealFact(f"D{number}", *row) for number, row in enumerate(rows)]
    services = draw(
        st.lists(st.builds(ServiceFact, DAYS, st.none() | DAYS, AMOUNTS, CURRENCIES, st.integers(0, 4)), max_size=4)
    )
    cancellations = draw(st.lists(st.builds(CancellationFact, LINES, DAYS), max_size=3, unique=True))
    return ClientFacts(draw(st.sampled_from(["US", "IN"])), deals, services, cancellations)


def four_places(value: Fraction) -> Decimal:
    """Half-even to 4 places: `round` of a fraction to a whole number is exact and half-even."""
    return Decimal(round(value * 10**4)) / 10**4


def managed_by_the_book(facts: ClientFacts, rulebook: Rulebook, day: date) -> Decimal:
    in_force = Decimal(0)
    whole = [row.cancelled_on for row in facts.cancellations if row.product_line == ""]
    for service in facts.services:
        started, ended = service.started_on, service.ended_on
        if started <= day and (ended is None or day < ended) and not any(started < on <= day for on in whole):
            unit = rulebook.unit(service.mrr, service.currency, started)
            factor = 2 if facts.country == "IN" else 1
            in_force += four_places(unit * factor / max(1, service.managing_partners))
    return in_force


def by_the_book(facts: ClientFacts, rulebook: Rulebook, until: date) -> dict[date, dict[str, Decimal]]:
    """The figures of every day: day after day exactly what `docs/points.md` 3 says, with no thought of speed."""
    figures = {}
    active: list[dict] = []
    sales: list[tuple[date, str, Fraction]] = []  # what makes up the size of a line since it was sold
    counted: list[tuple[str, Fraction]] = []
    won = sorted(
        (deal for deal in facts.deals if deal.stage == "won" and deal.closed_on), key=lambda deal: deal.deal_id
    )
    day = FIRST
    while day <= until:
        active = [lot for lot in active if day < lot["expires_on"]]
        gone = {row.product_line for row in facts.cancellations if row.cancelled_on == day}
        if gone:
            active = [lot for lot in active if "" not in gone and lot["line"] not in gone]
            sales = [row for row in sales if "" not in gone and row[1] not in gone]
            counted = [row for row in counted if "" not in gone and row[0] not in gone]
        for deal in won:
            if deal.closed_on != day or deal.kind != "downgrade":
                continue
            if not any(line == deal.product_line for _, line, _ in sales):
                continue
            size = sum(unit for _, line, unit in sales if line == deal.product_line)
            size -= sum(unit for line, unit in counted if line == deal.product_line)
            unit = rulebook.unit(deal.mrr, deal.currency, day)
            part = Fraction(1) if size <= 0 else min(Fraction(1), unit / size)
            for lot in active:
                if lot["line"] == deal.product_line:
                    lot["points"] -= four_places(Fraction(lot["points"]) * part)
            counted.append((deal.product_line, unit))
        for deal in won:
            if deal.closed_on != day or deal.kind not in SALES:
                continue
            unit = rulebook.unit(deal.mrr, deal.currency, day)
            sales.append((day, deal.product_line, unit))
            if deal.origin == "none":
                continue
            sold_on = min(on for on, line, _ in sales if line == deal.product_line)
            rate = 3 if deal.origin == "assisted" or sold_on < date(2024, 2, 27) else 5
            factor = 2 if facts.country == "IN" else 1
            active.append(
                {
                    "line": deal.product_line,
                    "origin": deal.origin,
                    "points": four_places(unit * rate * factor),
                    "expires_on": add_months(day, 12),
                }
            )
        figures[day] = {
            "sourced": sum((lot["points"] for lot in active if lot["origin"] == "sourced"), Decimal(0)),
            "assisted": sum((lot["points"] for lot in active if lot["origin"] == "assisted"), Decimal(0)),
            "managed": managed_by_the_book(facts, rulebook, day),
        }
        day += timedelta(days=1)
    return figures


def series_of(found: Iterable[Entry]) -> PointSeries:
    return PointSeries((entry.on, entry.track, entry.points) for entry in found)


def both_ways(**drawn):
    """The property in the same 40 examples each time, and for the sweep in 1,000 others."""

    def take(check):
        few = settings(max_examples=40, deadline=None)(given(**drawn)(check))
        many = settings(max_examples=1000, deadline=None, derandomize=False)(given(**drawn)(check))
        globals()[f"{check.__name__}_at_length"] = pytest.mark.sweep(many)
        return few

    return take


@both_ways(facts=clients())
def test_every_day_agrees_with_a_plain_reading_of_the_rules(rulebook, facts):
    series = series_of(entries(facts, rulebook, LAST))
    for day, figures in by_the_book(facts, rulebook, LAST).items():
        found = series.figures(day)
        assert {"sourced": found.sourced, "assisted": found.assisted, "managed": found.managed} == figures, day


@both_ways(facts=clients(), random=st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(rulebook, facts, random):
    shuffled = [list(rows) for rows in (facts.deals, facts.services, facts.cancellations)]
    for rows in shuffled:
        random.shuffle(rows)
    assert entries(ClientFacts(facts.country, *shuffled), rulebook, LAST) == entries(facts, rulebook, LAST)


@both_ways(facts=clients(), day=DAYS)
def test_what_happened_up_to_a_day_is_the_beginning_of_what_happens_later(rulebook, facts, day):
    early, late = entries(facts, rulebook, day), entries(facts, rulebook, LAST)
    assert late[: len(early)] == early
    assert all(entry.on > day for entry in late[len(early) :])


@both_ways(facts=clients(), day=DAYS)
def test_entries_lots_and_states_tell_the_same_story(rulebook, facts, day):
    found = entries(facts, rulebook, day)
    assert all(entry.points != 0 and (entry.points > 0) == (entry.cause in GAINS) for entry in found)
    assert max(Counter(entry.key for entry in found).values(), default=1) == 1
    assert all(entry.points == entry.points.quantize(Decimal("0.0001"), ROUND_HALF_EVEN) for entry in found)
    assert all(why(entry) for entry in found)

    all_lots = lots(facts, rulebook, day)
    for lot in all_lots:
        of_lot = [entry for entry in found if entry.deal_id == lot.deal.deal_id]
        assert sum((entry.points for entry in of_lot), Decimal(0)) == lot.remaining >= 0
        running = Decimal(0)
        for entry in of_lot:
            assert entry.before == running
            running = entry.after
        assert (lot.remaining > 0) <= (lot.earned_on <= day < lot.expires_on)
        assert [entry for entry in of_lot if entry.cause != "earned"] == list(lot.losses)
    series = series_of(found)
    assert sum((lot.remaining for lot in all_lots), Decimal(0)) == series.figures(day).sold
    assert managed(facts, rulebook, day).points == series.track("managed", day)


@both_ways(facts=clients())
def test_in_the_end_every_sold_point_is_lost(rulebook, facts):
    found = entries(facts, rulebook, add_months(LAST, 12))
    for track in SOLD_TRACKS:
        assert sum((entry.points for entry in found if entry.track == track), Decimal(0)) == 0
    assert {entry.track for entry in found} <= set(Track)


def test_a_series_without_some_points_from_a_day_on():
    series = PointSeries(
        [(FIRST, "sourced", Decimal(50)), (LAST, "sourced", Decimal(-10)), (FIRST, "managed", Decimal(5))]
    )
    found = without(series, {"sourced": Decimal(20), "managed": Decimal(5)}, date(2025, 1, 1))
    assert found.figures(date(2024, 12, 31)) == PointTotals(Decimal(50), Decimal(0), Decimal(5))
    assert found.figures(date(2025, 1, 1)) == PointTotals(Decimal(30), Decimal(0), Decimal(0))
    assert found.figures(LAST).total == 20
    assert series.figures(LAST).total == 45
