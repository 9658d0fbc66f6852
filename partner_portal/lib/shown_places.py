"""With how many decimals a number is shown, so that nothing that exists reads as 0 and sums read as adding up (ADR 87)."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from partner_portal.lib.rounding import half_even

Number = Decimal | Fraction | int
POINT_PLACES = 4
CLOSE_BELOW = 100  # points below which one decimal is shown where there is room


def enough_places(value: Number, places: int, most: int = POINT_PLACES) -> int:
    """The decimals to show: `places`, or as many more (up to `most`) as keep an amount that exists from reading 0."""
    exact = half_even(value, most)
    while exact and places < most and not half_even(exact, places):
        places += 1
    return places


def close_places(value: Number) -> int:
    """The decimals of points where there is room: none from 100 on or for whole points, otherwise at least one (ADR 87)."""
    exact = half_even(value, POINT_PLACES)
    return 0 if exact == exact.to_integral_value() or abs(exact) >= CLOSE_BELOW else enough_places(exact, 1)


def adding_places(total: Number, *sums: Sequence[Number]) -> int:
    """The fewest decimals with which every one of `sums` reads as adding up to `total`, at least `close_places(total)`."""
    return common_places([(total, parts) for parts in sums], close_places(total))


def common_places(sums: Sequence[tuple[Number, Sequence[Number]]], at_least: int) -> int:
    """The fewest decimals, from `at_least` on, with which all of `sums` (total, parts) read as adding up."""
    places = at_least
    while places < POINT_PLACES and not all(_adds_up(total, parts, places) for total, parts in sums):
        places += 1
    return places


def _adds_up(total: Number, parts: Sequence[Number], places: int) -> bool:
    shown = [half_even(part, places) for part in parts]
    no_zeros = all(bool(rounded) == bool(part) for rounded, part in zip(shown, parts, strict=True))
    return no_zeros and sum(shown, Decimal(0)) == half_even(total, places)
