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
    """The client's side of a calculation: currency, growth or standard market, and the day whose rules count."""

    currency: str
    growth: bool
    on: date


@dataclass(frozen=True, slots=True)
class Estimate:
    """How the points of a sold amount come about, and those of managing it; None when it is not managed."""

    sold_working: Computation
    managed_working: Computation | None

    @property
    def sold(self) -> Decimal:
        """Sold points, 4 decimals."""
        return self.sold_working.points

    @property
    def managed(self) -> Decimal:
        """Managed points, 4 decimals; 0 when it is not managed."""
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
    """The points that a sale of `amount` MRR on that day brings, and those of managing it with `others` more partners.

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
    """Currency to sold points, exact, for a line sold on that day. Raises UnknownCurrencyError."""
    unit = _unit(rulebook, market, amount)
    return sold_points(unit, rulebook.rate(origin, market.on), rulebook.market_factor(market.growth, market.on))


def managed_points_of(rulebook: Rulebook, market: Market, amount: Decimal | Fraction, others: int = 0) -> Fraction:
    """Currency to managed points, exact, shared with `others` more partners. Raises UnknownCurrencyError."""
    factor = rulebook.market_factor(market.growth, market.on)
    return managed_points(_unit(rulebook, market, amount), rulebook.managed_rate, factor, 1 + others)


def amount_of_sold(rulebook: Rulebook, market: Market, points: Decimal | Fraction, origin: Origin) -> Fraction | None:
    """Sold points to the amount that earns them, exact; None when deals of this origin earn no points.

    Raises:
        UnknownCurrencyError: the currency has no fixed amount on the day.
    """
    return _amount(points, sold_points_of(rulebook, market, Decimal(1), origin))


def amount_of_managed(
    rulebook: Rulebook, market: Market, points: Decimal | Fraction, others: int = 0
) -> Fraction | None:
    """Managed points to the amount that brings them, exact; None when managing earns no points.

    Raises:
        UnknownCurrencyError: the currency has no fixed amount on the day.
    """
    return _amount(points, managed_points_of(rulebook, market, Decimal(1), others))


def _unit(rulebook: Rulebook, market: Market, amount: Decimal | Fraction) -> Fraction:
    return Fraction(amount) * rulebook.unit(Decimal(1), market.currency, market.on)


def _amount(points: Decimal | Fraction, per_one: Fraction) -> Fraction | None:
    """Points are proportional to the amount, so the inverse is a division by the points of an amount of 1."""
    return Fraction(points) / per_one if per_one else None
