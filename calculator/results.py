"""What the calculator answers: an estimate with its sentences, a conversion with its own, and what the deal would do."""

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
from partner_portal.lib.rounding import floor, half_even
from partner_portal.lib.sentences import exact_money, exact_number, listed
from partner_portal.templatetags.figures import decimal_words, plain_number, whole
from program.queries import RulesInForce, rules_in_force
from program.rulebook import posted
from program.terms import Metric, Origin, Track
from tiers.gap_text import lacks
from tiers.queries import WithPoints, with_points

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
class Effect:
    """What a deal does to the tier of today, in words. total: points with it; outcome: the tier reached or kept;
    rises: whether it is a higher one than without; missing: what the tier above still lacks, "" at the top."""

    total: str
    outcome: str
    rises: bool
    missing: str


@dataclass(frozen=True, slots=True)
class Results:
    """The answers to a form; a part with wrong inputs is None. workings: how the
    estimate comes about, a line for each kind of points; with_deal: today's portfolio with the estimate's points."""

    rules: RulesInForce
    estimate: Estimate | None
    workings: tuple[str, ...]
    with_deal: Effect | None
    sold: Converted | None
    managed: Converted | None
    currency: str


def results(form: CalculatorForm) -> Results:
    """Answer the form."""
    form.is_valid()
    cleaned = form.cleaned_data
    day: date = cleaned.get("on") or form.scope.today
    found = _estimate(form, day) if form.good(*ESTIMATE) else None
    added = {} if found is None else {Track(cleaned["origin"]): found.sold, Track.MANAGED: found.managed}
    sold, managed = _conversion(form, day) if form.good(*CONVERSION) else (None, None)
    return Results(
        rules_in_force(form.scope, day),
        found,
        tuple(working(each) for each in (found.sold_working, found.managed_working) if each) if found else (),
        _effect(with_points(form.scope, form.scope.today, added)) if found and day == form.scope.today else None,
        sold,
        managed,
        str(cleaned.get("c_currency", "")),
    )


def _estimate(form: CalculatorForm, day: date) -> Estimate:
    cleaned = form.cleaned_data
    return estimate(
        form.rules(),
        Market(cleaned["currency"], form.growth("market"), day),
        amount=cleaned["amount"],
        origin=Origin(cleaned["origin"]),
        manage=cleaned["manage"] == "yes",
        others=cleaned["others"],
    )


def _effect(deal: WithPoints) -> Effect:
    needs = [
        row.need
        for gap in (deal.reached, deal.next_tier)
        if gap is not None
        for row in gap.requirements
        if row.metric == Metric.TOTAL_POINTS
    ]
    rises = deal.performance != deal.before
    if deal.performance is None:
        outcome = _("reaches no tier")
    elif not rises:
        outcome = _("stays %(tier)s") % {"tier": deal.performance}
    else:
        asked = (
            next((row.need for row in deal.reached.requirements if row.metric == Metric.TOTAL_POINTS), None)
            if deal.reached
            else None
        )
        outcome = _("reaches %(tier)s") % {"tier": deal.performance}
        outcome += f" ({plain_number(asked)})" if asked is not None else ""
    above = deal.next_tier
    missing = (
        _("Still missing for %(tier)s: %(missing)s.")
        % {"tier": above.tier, "missing": listed(lacks(above, deal.certification))}
        if above is not None
        else ""
    )
    # A total that is rounded up to a threshold which it does not reach would contradict the sentence.
    rounded = half_even(deal.total, 0)
    crosses = any(deal.total < need <= rounded for need in needs)
    total = decimal_words(floor(deal.total, 1), 1) if crosses else whole(deal.total)
    return Effect(total, outcome, rises, missing)


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
