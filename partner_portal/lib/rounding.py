"""Exact numbers to decimals: one function for each kind of rounding."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import cache

# Wide enough that shifting the decimal point of an already rounded whole number never rounds a second time.
_WIDE = Context(prec=400)
_DIGITS = Context(prec=50)


@cache
def _step(places: int) -> Decimal:
    return Decimal(1).scaleb(-places)


def half_even(value: Fraction | Decimal | int, places: int) -> Decimal:
    """`value` with that many decimals, ties to the even digit (points, and everything that is displayed)."""
    if isinstance(value, Decimal):  # thousands on a page
        rounded = value.quantize(_step(places), ROUND_HALF_EVEN, _WIDE)
        return rounded or abs(rounded)  # turns -0 into 0
    return half_even_ratio(*value.as_integer_ratio(), places)


def half_even_ratio(numerator: int, denominator: int, places: int) -> Decimal:
    """numerator / denominator as `half_even`; denominator above 0."""
    whole, rest = divmod(numerator * 10**places, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-places, _WIDE)


def half_up(value: Fraction | Decimal, places: int) -> Decimal:
    """`value` with that many decimals, ties away from zero, below zero too (commission, `docs/points.md` 8, 12)."""
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(abs(numerator) * 10**places, denominator)
    if 2 * rest >= denominator:
        whole += 1
    return Decimal(-whole if numerator < 0 else whole).scaleb(-places, _WIDE)


def ceiling(value: Fraction | Decimal, places: int) -> Decimal:
    """`value` with that many decimals, up to the next one: what is missing."""
    numerator, denominator = value.as_integer_ratio()
    return Decimal(-(-numerator * 10**places // denominator)).scaleb(-places, _WIDE)


def floor(value: Fraction | Decimal, places: int) -> Decimal:
    """`value` with that many decimals, down to the one before: what there is of something that is not enough."""
    numerator, denominator = value.as_integer_ratio()
    return Decimal(numerator * 10**places // denominator).scaleb(-places, _WIDE)


def as_decimal(value: Fraction) -> Decimal:
    """`value` to 50 significant digits: for comparing with thresholds and handing on, before any display rounding."""
    return _DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator))
