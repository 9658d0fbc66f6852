"""The points calculator: an estimate, and points to currency and back. Rules: `docs/points.md` 9.

Pure. Every number comes from the functions of `program.rulebook` that the ledger posts with.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from ledger.records import Computation
from program.rulebook import Rulebook, managed_points, posted, sold_points
from program.terms import Origin, Track


@dataclass(frozen=True, slots=True)
class Market:
    """The client's side of a calculation."""

    #: The currency of the amount.
    currency: str
    #: Whether the client is in a growth market.
    growth: bool
    #: The day whose rules apply.
    on: date


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated points of a sale, with the computation of each part."""

    sold_working: Computation
    #: None when we do not manage it.
    managed_working: Computation | None

    @property
    def sold(self) -> Decimal:
        """Sold points, 4 decimals."""
        return self.sold_working.points

    @property
    def managed(self) -> Decimal:
        """Managed points, 4 decimals; 0 when we do not manage it."""
        return self.managed_working.points if self.managed_working else Decimal(0)

    @property
    def total(self) -> Decimal:
        """Sold and managed points."""
        return self.sold + self.managed


def estimate(
    rulebook: Rulebook,
    market: Market,
    *,
    amount: Decimal,
    origin: Origin,
    manage: bool,
    others: int = 0,
) -> Estimate:
    """The points of a sale of `amount` MRR on the day of `market`, and of managing it with `others` more partners.

    Raises:
        UnknownCurrencyError: the currency has no fixed amount on the day.
        ValueError: a negative number of other partners.
    """
    if others < 0:
        raise ValueError("The number of other managing partners cannot be negative.")
    per_unit = rulebook.per_unit(market.currency, market.on)
    factor = rulebook.market_factor(market.growth, market.on)
    rate = rulebook.rate(origin, market.on)
    sold = posted(sold_points_of(rulebook, market, amount, origin))
    sale = Computation(amount, market.currency, per_unit, rate, origin, factor, sold)
    if not manage:
        return Estimate(sale, None)
    managed = posted(managed_points_of(rulebook, market, amount, others))
    rate = rulebook.managed_rate
    return Estimate(
        sale, Computation(amount, market.currency, per_unit, rate, Track.MANAGED, factor, managed, 1 + others)
    )


def sold_points_of(rulebook: Rulebook, market: Market, amount: Decimal | Fraction, origin: Origin) -> Fraction:
    """The exact sold points of an amount, for a line first sold on that day. Raises UnknownCurrencyError."""
    unit = _unit(rulebook, market, amount)
    return sold_points(unit, rulebook.rate(origin, market.on), rulebook.market_factor(market.growth, market.on))


def managed_points_of(rulebook: Rulebook, market: Market, amount: Decimal | Fraction, others: int = 0) -> Fraction:
    """The exact managed points of an amount, shared with `others` more partners. Raises UnknownCurrencyError."""
    factor = rulebook.market_factor(market.growth, market.on)
    return managed_points(_unit(rulebook, market, amount), rulebook.managed_rate, factor, 1 + others)


def amount_of_sold(rulebook: Rulebook, market: Market, points: Decimal | Fraction, origin: Origin) -> Fraction | None:
    """The exact amount that earns these sold points; None when deals of this origin earn no points.

    Raises:
        UnknownCurrencyError: the currency has no fixed amount on the day.
    """
    return _amount(points, sold_points_of(rulebook, market, Decimal(1), origin))


def amount_of_managed(
    rulebook: Rulebook, market: Market, points: Decimal | Fraction, others: int = 0
) -> Fraction | None:
    """The exact amount that brings these managed points; None when managing earns no points.

    Raises:
        UnknownCurrencyError: the currency has no fixed amount on the day.
    """
    return _amount(points, managed_points_of(rulebook, market, Decimal(1), others))


def _unit(rulebook: Rulebook, market: Market, amount: Decimal | Fraction) -> Fraction:
    return Fraction(amount) * rulebook.unit(Decimal(1), market.currency, market.on)


def _amount(points: Decimal | Fraction, per_one: Fraction) -> Fraction | None:
    """Invert the calculation: points are proportional to the amount, so divide by the points of an amount of 1."""
    return Fraction(points) / per_one if per_one else None
