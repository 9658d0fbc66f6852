"""A fingerprint of the rules that facts use: equal ones give equal entries, and rules that no fact uses do not change it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.engine import deal_lives, entries, lots
from ledger.records import ClientFacts, DealFact, ServiceFact
from ledger.rules_used import Uses, fingerprint
from program.rulebook import CurrencyTable, GrowthMarket, Rulebook, SoldRate
from tests.unit.test_engine_properties import clients

LATE = date(2027, 1, 1)
SALE = DealFact.read("D1", "Hub", "new", "sourced", "won", Decimal(100), "EUR", date(2025, 3, 1))
SERVICE = ServiceFact(date(2025, 4, 1), None, Decimal(50), "USD", 1)


def uses_of(facts: ClientFacts) -> Uses:
    uses = Uses(services=bool(facts.services))
    for deal in facts.deals:
        if deal.stage == "won" and deal.closed_on is not None:
            uses.add(deal.currency, facts.country, (deal.closed_on, deal.closed_on))
            first, last = uses.origins.get(deal.origin, (deal.closed_on, deal.closed_on))
            uses.origins[deal.origin] = min(first, deal.closed_on), max(last, deal.closed_on)
    for service in facts.services:
        uses.add(service.currency, facts.country, (service.started_on, service.started_on))
    return uses


DAYS = st.dates(date(2023, 6, 1), date(2026, 6, 1))
SMALL = st.decimals("0.5", "3", places=1)


@st.composite
def changed(draw: st.DrawFn, book: Rulebook) -> Rulebook:
    """The rules after one change: a row more, or another value."""
    amounts = {
        currency: draw(st.sampled_from([1, 2])) * amount
        for currency, amount in book.currency_tables[-1].amounts.items()
    }
    return draw(
        st.sampled_from(
            [
                replace(book, currency_tables=(*book.currency_tables, CurrencyTable(draw(DAYS), amounts))),
                replace(book, sold_rates=(*book.sold_rates, SoldRate(draw(DAYS), draw(SMALL), draw(SMALL)))),
                replace(
                    book,
                    growth_markets=(*book.growth_markets, GrowthMarket(draw(DAYS), draw(SMALL), frozenset({"IN"}))),
                ),
                replace(book, managed_rate=draw(SMALL)),
                replace(book, sold_life_months=draw(st.integers(11, 13))),
            ]
        )
    )


@settings(max_examples=200)
@given(facts=clients(), data=st.data())
def test_equal_fingerprints_mean_equal_entries(rulebook, facts, data):
    other = data.draw(changed(rulebook))
    uses = uses_of(facts)
    if fingerprint(uses, rulebook) == fingerprint(uses, other):
        for through in (date(2025, 6, 30), date(2027, 12, 31)):
            assert entries(facts, rulebook, through) == entries(facts, other, through)
            assert lots(facts, rulebook, through) == lots(facts, other, through)
            assert deal_lives(facts, rulebook, through) == deal_lives(facts, other, through)


def later(book, **rows):
    """The rules with a row more, in force from a day after all facts."""
    return replace(book, **{name: (*getattr(book, name), row) for name, row in rows.items()})


UNUSED = {
    "a later table": lambda book: later(
        book, currency_tables=CurrencyTable(LATE, {"EUR": Decimal(1), "USD": Decimal(1)})
    ),
    "a later rate": lambda book: later(book, sold_rates=SoldRate(LATE, Decimal(1), Decimal(1))),
    "later growth markets": lambda book: later(book, growth_markets=GrowthMarket(LATE, Decimal(9), frozenset({"US"}))),
    "tiers": lambda book: replace(book, rule_sets=()),
    "reviews": lambda book: replace(book, reviews=()),
    "another currency": lambda book: replace(
        book,
        currency_tables=tuple(
            replace(table, amounts={**table.amounts, "JPY": Decimal(1)}) for table in book.currency_tables
        ),
    ),
    "how numbers are written": lambda book: replace(book, managed_rate=book.managed_rate.quantize(Decimal("0.000001"))),
}
USED = {
    "its table": lambda book: later(
        book, currency_tables=CurrencyTable(SALE.closed_on, {"EUR": Decimal(1), "USD": Decimal(1)})
    ),
    "its rate": lambda book: later(book, sold_rates=SoldRate(SALE.closed_on, Decimal(1), Decimal(1))),
    "its market": lambda book: later(book, growth_markets=GrowthMarket(SALE.closed_on, Decimal(9), frozenset({"US"}))),
    "the market of its service": lambda book: later(
        book, growth_markets=GrowthMarket(SERVICE.started_on, Decimal(9), frozenset({"US"}))
    ),
    "how long lots count": lambda book: replace(book, sold_life_months=7),
    "the managed rate": lambda book: replace(book, managed_rate=Decimal(7)),
    "months of commission": lambda book: replace(book, commission=replace(book.commission, months=7)),
    "a currency that goes": lambda book: replace(
        book, currency_tables=(CurrencyTable(book.currency_tables[0].start, {"USD": Decimal(100)}),)
    ),
}


@pytest.mark.parametrize("change", UNUSED)
def test_rules_that_no_fact_uses(rulebook, change):
    uses = uses_of(ClientFacts("US", [SALE], [SERVICE]))
    assert fingerprint(uses, UNUSED[change](rulebook)) == fingerprint(uses, rulebook)


@pytest.mark.parametrize("change", USED)
def test_rules_that_a_fact_uses(rulebook, change):
    uses = uses_of(ClientFacts("US", [SALE], [SERVICE]))
    assert fingerprint(uses, USED[change](rulebook)) != fingerprint(uses, rulebook)


def test_a_deal_is_calculated_by_the_rate_of_the_first_sale_of_its_line(rulebook):
    first = DealFact.read("D0", "Hub", "new", "none", "won", Decimal(1), "EUR", date(2023, 1, 1))
    uses = uses_of(ClientFacts("US", [first, SALE]))
    between = later(rulebook, sold_rates=SoldRate(date(2022, 12, 31), Decimal(1), Decimal(1)))
    assert fingerprint(uses, between) != fingerprint(uses, rulebook)
