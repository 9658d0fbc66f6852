"""Numbers as text, for sentences, labels of charts and accessible names. With which decimals: `lib.shown_places`."""

from decimal import Decimal
from functools import cache

from django.utils.formats import get_format
from django.utils.translation import get_language

from partner_portal.lib.rounding import ceiling, half_even
from partner_portal.lib.shown_places import POINT_PLACES, Number, enough_places

MINUS = "−"


def decimal_text(value: Number, places: int) -> str:
    """Write a number with that many decimals, rounded half-even: `1,234.50`, `−0.3`."""
    return rounded_text(half_even(value, places), places)


def signed_decimal_text(value: Number, places: int) -> str:
    """Write a number with that many decimals and its sign, a plus too; 0 has none."""
    return rounded_text(half_even(value, places), places, signed=True)


def rounded_text(rounded: Decimal, places: int, *, signed: bool = False) -> str:
    """Write a number that has been rounded to `places` decimals: a true minus, and never a minus before 0."""
    text = _localized(f"{abs(rounded):,.{places}f}")
    if rounded < 0:
        return f"{MINUS}{text}"
    return f"+{text}" if signed and rounded else text


def whole(value: Number | None) -> str:
    """Write a whole number: `1,184`. Less than half of one keeps the decimals that show it: `0.2`. None is a dash."""
    return "–" if value is None else decimal_text(value, enough_places(value, 0))


def signed_whole(value: Number) -> str:
    """Write a whole number with its sign, a plus too."""
    return signed_decimal_text(value, enough_places(value, 0))


def plain_number(value: Decimal) -> str:
    """Write a number in full without zeros at its end: a rate of 5.0000 is `5`, one of 2.5000 is `2.5`."""
    return decimal_text(value, max(0, _own_places(value)))


def rate_text(value: Decimal) -> str:
    """Write a commission rate with the decimals it has, at least two: `0.20`."""
    return decimal_text(value, max(2, _own_places(value)))


def exchange_rate_text(value: Decimal) -> str:
    """Write an exchange rate with the decimals it has, at least four: `1.0850`."""
    return decimal_text(value, max(4, _own_places(value)))


def gap_points(value: Decimal, beside: Decimal) -> str:
    """Write missing points rounded up, with as many decimals as tell them from the gap `beside` them: `40`, `39.2`."""
    places = next(
        (
            places
            for places in range(POINT_PLACES)
            if value == beside or ceiling(value, places) != ceiling(beside, places)
        ),
        POINT_PLACES,
    )
    return rounded_text(ceiling(value, places), places)


def percent_text(number: str) -> str:
    """Write a number that has been written as per cent: `86.2%`."""
    return f"{number}%"


def dollar_text(amount: str) -> str:
    """Write an amount that has been written as US or points-dollars: `US$12,147`, in Dutch `US$ 12.147`."""
    return str(get_format("US$%s")) % amount


def exact_number(value: Decimal) -> str:
    """Write a number in full, without zeros at its end: `1,234.5`, `50`, `62.5`."""
    text = f"{value:,f}"
    return _localized(text.rstrip("0").rstrip(".") if "." in text else text)


def rounded_number(value: Decimal) -> str:
    """Write a number with the decimals it was rounded to: `1,234.50`."""
    return _localized(f"{value:,f}")


def exact_money(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency and all its decimals, at least two: `EUR 880.00`."""
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{currency} {_localized(f'{amount:,.{places}f}')}"


def _own_places(value: Decimal) -> int:
    """The decimals that a number has without zeros at its end; below 0 for tens and more."""
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _localized(text: str) -> str:
    return text.translate(_marks(get_language()))


@cache
def _marks(_language: str | None) -> dict[int, str]:
    """The marks of the active language for those of Python; read once, since a file writes them a million times."""
    return {ord(","): get_format("THOUSAND_SEPARATOR"), ord("."): get_format("DECIMAL_SEPARATOR")}
