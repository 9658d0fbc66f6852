"""Figures as HTML: the shown text with the exact value in the element, or "no data"."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from partner_portal.formats.days import day_text, long_day_text, short_day_text
from partner_portal.formats.numbers import (
    MINUS,
    decimal_text,
    dollar_text,
    exchange_rate_text,
    percent_text,
    plain_number,
    rounded_text,
    signed_decimal_text,
)
from partner_portal.lib.rounding import half_even
from partner_portal.lib.shown_places import POINT_PLACES, Number, close_places, enough_places

# A function of `lib.rounding`.
type Rounding = Callable[[Decimal, int], Decimal]


def no_data() -> SafeString:
    """What stands where a value is unknown."""
    return format_html('–<span class="sr"> {}</span>', _("no data"))


# Points


def points(value: Number | None) -> SafeString:
    """Whole points, with the exact value in the element: `<data value="12.5000" title="12.5000 points">12</data>`.

    An amount below half a point that is not 0 keeps the decimals that show it: `0.2`.
    """
    return _points(value)


def signed_points(value: Number | None) -> SafeString:
    """Whole points with a plus for a gain."""
    return _points(value, write=signed_decimal_text)


def close_points(value: Number | None) -> SafeString:
    """Points where there is room: one decimal below 100 (`18.6`), whole points from there on (ADR 87)."""
    return _points(value, None if value is None else close_places(value))


def signed_close_points(value: Number | None) -> SafeString:
    """Points where there is room, with a plus for a gain."""
    return _points(value, None if value is None else close_places(value), write=signed_decimal_text)


def points_to(value: Number | None, places: int) -> SafeString:
    """Points with that many decimals, where they stand beside others that they add up with (`adding_places`)."""
    return _points(value, places)


def signed_points_to(value: Number | None, places: int) -> SafeString:
    """Points with that many decimals and a plus for a gain."""
    return _points(value, places, write=signed_decimal_text)


def exact_points(value: Decimal) -> SafeString:
    """Points with all the decimals they have, up to four: `2.5`, `61.725`."""
    exact = half_even(value, POINT_PLACES)
    return _data(exact, plain_number(exact))


def points_rounded_by(rounding: Rounding, value: Decimal) -> SafeString:
    """Points with one decimal, or none for whole points, rounded by `rounding`."""
    shown = rounding(value, 1)
    places = 0 if shown == shown.to_integral_value() and value == shown else 1
    return _data(half_even(value, POINT_PLACES), rounded_text(shown, places))


def _points(
    value: Number | None, places: int | None = None, *, write: Callable[[Number, int], str] = decimal_text
) -> SafeString:
    if value is None:
        return no_data()
    exact = half_even(value, POINT_PLACES)
    if places is None or not exact:
        places = enough_places(value, 0)
    return _data(exact, write(value, places))


def _data(exact: Decimal, text: str) -> SafeString:
    title = _("%(number)s points") % {"number": decimal_text(exact, POINT_PLACES)}
    return format_html('<data value="{}" title="{}">{}</data>', f"{exact:.4f}", title, text)


# Money


def money(value: Number | None, currency: str) -> SafeString:
    """An amount to the cent with its currency in front: `EUR 880.00`, `−EUR 37.70`."""
    if value is None:
        return no_data()
    exact = half_even(value, 2)
    sign = MINUS if exact < 0 else ""
    return format_html('<span class="nowrap">{}{} {}</span>', sign, currency, decimal_text(abs(exact), 2))


def signed_amount(value: Number) -> SafeString:
    """A difference to the cent, with its sign and tone, where the currency stands in the head: `+3.57`, `−82.00`."""
    exact = half_even(value, 2)
    tone = "gain" if exact > 0 else "loss" if exact < 0 else ""
    return format_html('<span class="nowrap {}">{}</span>', tone, signed_decimal_text(exact, 2))


def dollars(value: Number | None) -> SafeString:
    """Points-dollars, whole: `US$7,910`, and to the cent below half a dollar; the exact cents are in the element."""
    if value is None:
        return no_data()
    exact = half_even(value, 2)
    return _dollars(exact, half_even(exact, enough_places(exact, 0, 2) and 2))


def dollars_rounded_by(rounding: Rounding, value: Decimal) -> SafeString:
    """Whole points-dollars, rounded by `rounding`."""
    return _dollars(half_even(value, 2), rounding(value, 0))


def _dollars(exact: Decimal, shown: Decimal) -> SafeString:
    places = 0 if shown == shown.to_integral_value() else 2
    return format_html(
        '<data value="{}" title="{}">{}{}</data>',
        f"{exact:.2f}",
        dollar_text(decimal_text(exact, 2)),
        MINUS if shown < 0 else "",
        dollar_text(decimal_text(abs(shown), places)),
    )


# Ratios and other numbers


def percent(value: Number | None, places: int = 1) -> SafeString:
    """A ratio in per cent: 0.914 is `91.4%`."""
    if value is None:
        return no_data()
    hundredfold = Fraction(value) * 100
    return _percent(decimal_text(hundredfold, enough_places(hundredfold, places)))


def percent_rounded_by(rounding: Rounding, value: Decimal) -> SafeString:
    """A ratio in per cent with one decimal, rounded by `rounding`."""
    return _percent(rounded_text(rounding(value * 100, 1), 1))


def _percent(text: str) -> SafeString:
    return format_html('<span class="nowrap">{}</span>', percent_text(text))


def decimals(value: Number | None, places: int = 1) -> SafeString | str:
    """A plain number with that many decimals."""
    return no_data() if value is None else decimal_text(value, places)


def rate(value: Decimal | None) -> SafeString | str:
    """An exchange rate with all its decimals, at least four."""
    return no_data() if value is None else exchange_rate_text(value)


# Days


def day(value: date | None) -> SafeString:
    """`23 Nov 2026` in a `<time>`."""
    return no_data() if value is None else _time(value, day_text(value))


def short_day(value: date) -> SafeString:
    """`23 Nov` in a `<time>`, where the year stands beside it."""
    return _time(value, short_day_text(value))


def long_day(value: date) -> SafeString:
    """`15 January 2027` in a `<time>`."""
    return _time(value, long_day_text(value))


def _time(value: date, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)
