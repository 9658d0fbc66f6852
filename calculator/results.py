"""What the calculator answers: an estimate with its sentences, a conversion with its own, and what the deal would do."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from calculator.forms import CalculatorForm
from calculator.formula import (
    Estimate,
    Market,
    amount_of_managed,
    amount_of_sold,
    estimate,
    managed_points_of,
    sold_points_of,
)
from ledger.why import managing_partners, per_us_100
from partner_portal.lib.language import of_reader
from partner_portal.lib.rounding import half_even
from program.rulebook import posted
from tiers.portfolio import RulesInForce, WithPoints, rules_in_force, with_points

ESTIMATE = ("amount", "currency", "origin", "market", "manage", "others")
CONVERSION = ("c_direction", "c_currency", "c_origin", "c_market", "c_others", "c_sold", "c_managed")


@dataclass(frozen=True, slots=True)
class Converted:
    """One side of a conversion: points and amount (to the cent) that belong together, and the working in one line."""

    points: Decimal
    amount: Decimal
    working: str
    rounded: bool


@dataclass(frozen=True, slots=True)
class Results:
    """The answers to a form; a part with wrong inputs is None. with_deal: today's portfolio with the estimate's points."""

    rules: RulesInForce
    estimate: Estimate | None
    with_deal: WithPoints | None
    sold: Converted | None
    managed: Converted | None
    currency: str


def results(form: CalculatorForm) -> Results:
    """Answer the form."""
    form.is_valid()
    cleaned = form.cleaned_data
    day: date = cleaned.get("on") or form.scope.today
    found = _estimate(form, day) if form.good(*ESTIMATE) else None
    added = {} if found is None else {cleaned["origin"]: found.sold, "managed": found.managed}
    sold, managed = _conversion(form, day) if form.good(*CONVERSION) else (None, None)
    return Results(
        rules_in_force(form.scope, day),
        found,
        with_points(form.scope, form.scope.today, added) if found and day == form.scope.today else None,
        sold,
        managed,
        str(cleaned.get("c_currency", "")),
    )


def _estimate(form: CalculatorForm, day: date) -> Estimate:
    cleaned = form.cleaned_data
    return estimate(
        form.rules(),
        Market(cleaned["currency"], cleaned["market"] == "growth", day),
        amount=cleaned["amount"],
        origin=cleaned["origin"],
        manage=cleaned["manage"] == "yes",
        others=cleaned["others"],
        wording=of_reader(),
    )


def _conversion(form: CalculatorForm, day: date) -> tuple[Converted | None, Converted | None]:
    cleaned, book = form.cleaned_data, form.rules()
    market = Market(cleaned["c_currency"], cleaned["c_market"] == "growth", day)
    origin, others = cleaned["c_origin"], cleaned["c_others"]
    rate, factor = book.rate(origin, day), book.market_factor(market.growth, day)
    per_unit = book.per_unit(market.currency, day)
    wording = of_reader()
    number, us_100 = wording.number, wording.gettext("per US$100")
    shared = f" x {managing_partners(1 + others, wording)}" if others else ""
    if form.to_points:
        sold_points = sold_points_of(book, market, cleaned["c_sold"], origin)
        managed_points = managed_points_of(book, market, cleaned["c_managed"], others)
        divided = f" / {managing_partners(1 + others, wording)}" if others else ""
        return (
            _to_points(
                cleaned["c_sold"], sold_points, market, per_unit, f"{number(rate)} ({origin}) x {number(factor)}"
            ),
            _to_points(
                cleaned["c_managed"],
                managed_points,
                market,
                per_unit,
                f"{number(book.managed_rate)} (managed) x {number(factor)}{divided}",
            ),
        )
    return (
        _to_amount(
            cleaned["c_sold"],
            amount_of_sold(book, market, cleaned["c_sold"], origin),
            f"/ {number(rate)} ({origin}) / {number(factor)} x {number(per_unit)} {us_100}",
            market,
        ),
        _to_amount(
            cleaned["c_managed"],
            amount_of_managed(book, market, cleaned["c_managed"], others),
            f"/ {number(book.managed_rate)} (managed) / {number(factor)}{shared} x {number(per_unit)} {us_100}",
            market,
        ),
    )


def _to_points(amount: Decimal, points: Fraction, market: Market, per_unit: Decimal, rest: str) -> Converted:
    value = posted(points)
    wording = of_reader()
    text = f"{per_us_100(amount, market.currency, per_unit, wording)} x {rest} = {wording.number(value)}"
    return Converted(value, amount, text, value != points)


def _to_amount(points: Decimal, amount: Fraction | None, rest: str, market: Market) -> Converted | None:
    if amount is None:
        return None
    value = half_even(amount, 2)
    wording = of_reader()
    text = f"{wording.number(points)} {rest} = {wording.money(value, market.currency)}"
    return Converted(points, value, text, value != amount)
