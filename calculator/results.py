"""The results of the calculator: an estimate, a conversion, and the effect of the deal on the tier, with their texts."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _

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
from ledger.why_text import managing_partners, per_us_100, working
from partner_portal.formats.numbers import decimal_text, exact_money, exact_number, plain_number, whole
from partner_portal.lib.rounding import floor, half_even
from partner_portal.lib.sentences import listed
from program.queries import RulesInForce, rules_in_force
from program.rulebook import posted
from program.terms import Metric, Origin, Track
from tiers.gap_text import lacks
from tiers.queries import with_points
from tiers.rules import TierGap

ESTIMATE = ("amount", "currency", "origin", "market", "manage", "others")
CONVERSION = ("c_direction", "c_currency", "c_origin", "c_market", "c_others", "c_sold", "c_managed")


@dataclass(frozen=True, slots=True)
class Converted:
    """One line of a conversion: an amount and its points."""

    points: Decimal
    #: MRR, to the cent.
    amount: Decimal
    #: The calculation on one line.
    working: str
    #: Whether the result was rounded.
    rounded: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """Texts about the effect of a deal on the performance tier of today."""

    #: Total points with the deal.
    total: str
    #: The tier reached, or that it stays the same.
    outcome: str
    #: Whether the tier is a higher one than without the deal.
    rises: bool
    #: What the tier above still lacks; "" at the top.
    missing: str


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a form; those with invalid inputs are None."""

    #: The rules of the day.
    rules: RulesInForce
    estimate: Estimate | None
    #: The calculation of the estimate, one line per kind of points.
    workings: tuple[str, ...]
    #: The effect of the estimated deal today; None for another day.
    effect: Effect | None
    #: The conversion of sold points; None too when they earn nothing.
    sold: Converted | None
    #: The conversion of managed points; None too when they earn nothing.
    managed: Converted | None
    #: The currency of the conversion.
    currency: str


def results(form: CalculatorForm) -> Results:
    """Calculate the results of the form."""
    form.is_valid()
    day: date = form.cleaned_data.get("on") or form.scope.today
    deal = _deal(form, day) if form.are_valid(*ESTIMATE) else None
    sold, managed = _conversion(form, day) if form.are_valid(*CONVERSION) else (None, None)
    return Results(
        rules_in_force(form.scope, day),
        deal,
        tuple(working(part) for part in (deal.sold_working, deal.managed_working) if part) if deal else (),
        _effect(form, deal) if deal and day == form.scope.today else None,
        sold,
        managed,
        str(form.cleaned_data.get("c_currency", "")),
    )


def _deal(form: CalculatorForm, day: date) -> Estimate:
    cleaned = form.cleaned_data
    return estimate(
        form.rules(),
        Market(cleaned["currency"], form.growth("market"), day),
        amount=cleaned["amount"],
        origin=Origin(cleaned["origin"]),
        manage=cleaned["manage"] == "yes",
        others=cleaned["others"],
    )


def _effect(form: CalculatorForm, deal: Estimate) -> Effect:
    added = {Track(form.cleaned_data["origin"]): deal.sold, Track.MANAGED: deal.managed}
    standing = with_points(form.scope, form.scope.today, added)
    above = standing.next_tier
    needs = [_total_needed(gap) for gap in (standing.reached, above) if gap is not None]
    rises = standing.performance != standing.before
    if standing.performance is None:
        outcome = _("reaches no tier")
    elif not rises:
        outcome = _("stays %(tier)s") % {"tier": standing.performance}
    else:
        need = _total_needed(standing.reached) if standing.reached else None
        outcome = _("reaches %(tier)s") % {"tier": standing.performance}
        outcome += f" ({plain_number(need)})" if need is not None else ""
    missing = (
        _("Still missing for %(tier)s: %(missing)s.")
        % {"tier": above.tier, "missing": listed(lacks(above, standing.certification))}
        if above is not None
        else ""
    )
    # A total that is rounded up to a threshold which it does not reach would contradict the sentence.
    rounded = half_even(standing.total, 0)
    crosses = any(need is not None and standing.total < need <= rounded for need in needs)
    total = decimal_text(floor(standing.total, 1), 1) if crosses else whole(standing.total)
    return Effect(total, outcome, rises, missing)


def _total_needed(gap: TierGap) -> Decimal | None:
    """The total points that a tier requires; None when it requires none."""
    return next((row.need for row in gap.requirements if row.metric == Metric.TOTAL_POINTS), None)


def _conversion(form: CalculatorForm, day: date) -> tuple[Converted | None, Converted | None]:
    cleaned, book = form.cleaned_data, form.rules()
    market = Market(cleaned["c_currency"], form.growth("c_market"), day)
    origin, others = cleaned["c_origin"], cleaned["c_others"]
    rate, factor = book.rate(origin, day), book.market_factor(market.growth, day)
    per_unit = book.per_unit(market.currency, day)
    number, us_100 = exact_number, _("per US$100")
    shared = f" x {managing_partners(1 + others)}" if others else ""
    if form.to_points:
        sold_points = sold_points_of(book, market, cleaned["c_sold"], origin)
        managed_points = managed_points_of(book, market, cleaned["c_managed"], others)
        divided = f" / {managing_partners(1 + others)}" if others else ""
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
    text = f"{per_us_100(amount, market.currency, per_unit)} x {rest} = {exact_number(value)}"
    return Converted(value, amount, text, value != points)


def _to_amount(points: Decimal, amount: Fraction | None, rest: str, market: Market) -> Converted | None:
    if amount is None:
        return None
    value = half_even(amount, 2)
    text = f"{exact_number(points)} {rest} = {exact_money(value, market.currency)}"
    return Converted(points, value, text, value != amount)
