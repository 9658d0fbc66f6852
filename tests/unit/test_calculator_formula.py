"""The calculator is the ledger: the same facts give the same points, and the inverse gives the input back."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculator.formula import (
    Market,
    amount_of_managed,
    amount_of_sold,
    estimate,
    managed_points_of,
    sold_points_of,
)
from ledger.engine import entries
from ledger.records import ClientFacts, DealFact, ServiceFact
from ledger.why_text import why, working
from program.rulebook import UnknownCurrencyError

D = date.fromisoformat
AMOUNTS = st.decimals("0.01", "9999999.99", places=2)
CURRENCIES = st.sampled_from(["USD", "EUR", "COP", "GBP", "JPY", "ZAR"])
DAYS = st.dates(D("2021-01-01"), D("2027-12-31"))
MARKETS = st.builds(Market, CURRENCIES, st.booleans(), DAYS)
ORIGINS = st.sampled_from(["sourced", "assisted", "none"])


@given(market=MARKETS, amount=AMOUNTS, origin=ORIGINS, others=st.integers(0, 9))
def test_the_calculator_gives_what_the_ledger_posts(rulebook, market, amount, origin, others):
    facts = ClientFacts(
        "IN" if market.growth else "US",
        [DealFact.read("D1", "Sales Hub", "new", origin, "won", amount, market.currency, market.on)],
        [ServiceFact(market.on, None, amount, market.currency, 1 + others)],
    )
    posted = {entry.track: entry for entry in entries(facts, rulebook, market.on)}
    found = estimate(rulebook, market, amount=amount, origin=origin, manage=True, others=others)
    sold, managed = posted.get(origin), posted.get("managed")
    assert found.sold == (sold.points if sold else 0)
    assert found.managed == (managed.points if managed else 0)
    assert found.total == sum(entry.points for entry in posted.values())
    if sold:
        assert working(found.sold_working) == why(sold)
    if managed:
        assert working(found.managed_working) == why(managed)


@given(market=MARKETS, points=st.decimals("0.0001", "100000", places=4), origin=ORIGINS, others=st.integers(0, 9))
def test_points_to_currency_and_back(rulebook, market, points, origin, others):
    sold = amount_of_sold(rulebook, market, points, origin)
    if origin == "none":
        assert sold is None
    else:
        assert sold_points_of(rulebook, market, sold, origin) == Fraction(points)
    managed = amount_of_managed(rulebook, market, points, others)
    assert managed_points_of(rulebook, market, managed, others) == Fraction(points)


@given(market=MARKETS, amount=AMOUNTS, others=st.integers(0, 9))
def test_currency_to_points_and_back(rulebook, market, amount, others):
    points = sold_points_of(rulebook, market, amount, "sourced")
    assert amount_of_sold(rulebook, market, points, "sourced") == Fraction(amount)
    points = managed_points_of(rulebook, market, amount, others)
    assert amount_of_managed(rulebook, market, points, others) == Fraction(amount)


def test_the_date_chooses_the_rules(rulebook):
    def points(on: str) -> tuple[Decimal, Decimal]:
        market = Market("EUR", growth=True, on=D(on))
        found = estimate(rulebook, market, amount=Decimal(660), origin="sourced", manage=True)
        return found.sold, found.managed

    assert points("2022-07-17") == (Decimal("26.4"), Decimal("8.8"))
    assert points("2022-07-18") == (Decimal("52.8"), Decimal("17.6"))
    assert points("2024-02-27") == (88, Decimal("17.6"))
    assert points("2025-07-15") == (75, 15)


def test_the_sentences(rulebook):
    market = Market("EUR", growth=False, on=D("2026-11-23"))
    found = estimate(rulebook, market, amount=Decimal("1337.60"), origin="sourced", manage=True, others=1)
    assert working(found.sold_working) == "EUR 1,337.60 / 88 per US$100 x 5 (sourced) x 1 = 76"
    assert (
        working(found.managed_working) == "EUR 1,337.60 / 88 per US$100 x 1 (managed) x 1 / 2 managing partners = 7.6"
    )
    alone = estimate(rulebook, market, amount=Decimal("1337.60"), origin="assisted", manage=False, others=1)
    assert (alone.managed, alone.managed_working) == (0, None)


def test_what_cannot_be_computed_is_said(rulebook):
    on = D("2026-11-23")
    with pytest.raises(UnknownCurrencyError, match="CHF"):
        estimate(rulebook, Market("CHF", growth=False, on=on), amount=Decimal(1), origin="sourced", manage=False)
    with pytest.raises(ValueError, match="negative"):
        estimate(rulebook, Market("USD", growth=False, on=on), amount=Decimal(1), origin="none", manage=True, others=-1)
