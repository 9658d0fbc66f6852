"""How figures are written on pages: points, money, ratios, days, tiers and tracks, in the reader's language.

Nothing is computed here but the rounding of what is shown. None is always "no data", never 0. Built in to every template.
"""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rounding import ceiling, floor, half_even
from partner_portal.lib.rows.datasets import Row
from partner_portal.lib.sentences import day_text
from partner_portal.lib.shown_places import POINT_PLACES, Number, adding_places, close_places, enough_places
from program.labels import METRIC_TEXTS
from program.terms import Cause, Metric, Track, Unit

register = template.Library()

MINUS = "−"

CAUSE_MARKS = {
    Cause.EARNED: ("", "check"),
    Cause.RAISED: ("", "up"),
    Cause.EXPIRED: ("", "clock"),
    Cause.DOWNGRADED: ("warn", "down"),
    Cause.CHURNED: ("bad", "close"),
    Cause.REDUCED: ("warn", "down"),
    Cause.ENDED: ("", "pause"),
}
TRACK_FILLS: dict[str, tuple[str, ...]] = {
    Track.SOURCED: ("f-sourced",),
    Track.ASSISTED: ("f-assisted", "f-hatch"),
    Track.MANAGED: ("f-managed", "f-dots"),
}


def _digits(value: Number, places: int, *, signed: bool = False) -> str:
    """Rounded half-even, grouped by locale, with a true minus and never a minus before 0; `signed` also writes a plus."""
    return _write(half_even(Fraction(value), places), places, signed=signed)


def _write(rounded: Decimal, places: int, *, signed: bool = False) -> str:
    text = number_format(abs(rounded), decimal_pos=places, use_l10n=True, force_grouping=True)
    if rounded < 0:
        return f"{MINUS}{text}"
    return f"+{text}" if signed and rounded else text


class Need(Protocol):
    """A tier requirement on a day, as `tiers.rules.RequirementGap` says it."""

    @property
    def metric(self) -> Metric: ...
    @property
    def have(self) -> Decimal | None: ...
    @property
    def missing(self) -> Decimal | None: ...
    @property
    def met(self) -> bool: ...


class Totals(Protocol):
    """Points by track with their sums, as `ledger.queries.PointTotals` has them."""

    @property
    def sourced(self) -> Decimal: ...
    @property
    def assisted(self) -> Decimal: ...
    @property
    def managed(self) -> Decimal: ...
    @property
    def sold(self) -> Decimal: ...
    @property
    def total(self) -> Decimal: ...


@register.filter
def places_of(points: Totals) -> int:
    """The decimals with which sourced and assisted add up to sold, and sold and managed to the total."""
    return adding_places(points.total, (points.sold, points.managed), (points.sourced, points.assisted, points.managed))


@register.simple_tag
def no_data() -> SafeString:
    """What stands where a value is unknown."""
    return format_html('–<span class="sr"> {}</span>', _("no data"))


# Points


def _points(value: Number | None, places: int | None = None, *, signed: bool = False) -> SafeString:
    if value is None:
        return no_data()
    exact = half_even(Fraction(value), POINT_PLACES)
    if places is None or not exact:
        places = enough_places(value, 0)
    text = _digits(value, places, signed=signed)
    return _data(exact, text)


def _data(exact: Decimal, text: str) -> SafeString:
    title = _("%(number)s points") % {"number": _digits(exact, POINT_PLACES)}
    return format_html('<data value="{}" title="{}">{}</data>', f"{exact:.4f}", title, text)


@register.filter
def points(value: Number | None) -> SafeString:
    """Whole points, with the exact value in the element: `<data value="12.5000" title="12.5000 points">12</data>`.

    An amount below half a point that is not 0 keeps the decimals that show it: `0.2`.
    """
    return _points(value)


@register.filter
def exact_points(value: Decimal) -> SafeString:
    """Points with all the decimals they have, up to four: `2.5`, `61.725`."""
    exact = half_even(value, POINT_PLACES)
    return _data(exact, plain_number(exact))


@register.filter
def signed_points(value: Number | None) -> SafeString:
    """The same with a plus for a gain."""
    return _points(value, signed=True)


@register.filter
def close_points(value: Number | None) -> SafeString:
    """Points where there is room: one decimal below 100 (`18.6`), whole points from there on (ADR 87)."""
    return _points(value, None if value is None else close_places(value))


@register.filter
def signed_close_points(value: Number | None) -> SafeString:
    """The same with a plus for a gain."""
    return _points(value, None if value is None else close_places(value), signed=True)


@register.filter
def points_to(value: Number | None, places: int) -> SafeString:
    """Points with that many decimals, where they stand beside others that they add up with (`adding_places`)."""
    return _points(value, places)


@register.filter
def signed_points_to(value: Number | None, places: int) -> SafeString:
    """The same with a plus for a gain."""
    return _points(value, places, signed=True)


@register.filter
def whole(value: Number | None) -> str:
    """A whole number as text, for sentences and accessible names: `1,184`; less than half of one keeps decimals: `0.2`."""
    return "–" if value is None else _digits(value, enough_places(value, 0))


@register.filter
def signed_whole(value: Number) -> str:
    """A whole number as text with its sign, for the labels of a chart."""
    return _digits(value, enough_places(value, 0), signed=True)


# Money and ratios


@register.filter
def money(value: Number | None, currency: str) -> SafeString:
    """An amount to the cent with its currency in front: `EUR 880.00`, `−EUR 37.70`."""
    if value is None:
        return no_data()
    exact = half_even(Fraction(value), 2)
    return format_html(
        '<span class="nowrap">{}{} {}</span>', MINUS if exact < 0 else "", currency, _digits(abs(exact), 2)
    )


@register.filter
def signed_amount(value: Number) -> SafeString:
    """A difference to the cent, with its sign and tone, where the currency stands in the head: `+3.57`, `−82.00`."""
    exact = half_even(Fraction(value), 2)
    tone = "gain" if exact > 0 else "loss" if exact < 0 else ""
    return format_html('<span class="nowrap {}">{}</span>', tone, _digits(exact, 2, signed=True))


@register.filter
def quarter(value: str) -> str:
    """`2026-Q3` as people write it: `Q3 2026`."""
    year, _dash, number = value.partition("-")
    return f"{number} {year}"


@register.filter
def dollars(value: Number | None) -> SafeString:
    """Points-dollars, whole: `US$ 7,910`, and to the cent below half a dollar; the exact cents are in the element."""
    if value is None:
        return no_data()
    exact = half_even(Fraction(value), 2)
    return _dollars(exact, half_even(exact, enough_places(exact, 0, 2) and 2))


def _dollars(exact: Decimal, shown: Decimal) -> SafeString:
    places = 0 if shown == shown.to_integral_value() else 2
    return format_html(
        '<data value="{}" title="{}">{}US$ {}</data>',
        f"{exact:.2f}",
        f"US$ {_digits(exact, 2)}",
        MINUS if shown < 0 else "",
        _digits(abs(shown), places),
    )


@register.filter
def percent(value: Number | None, places: int = 1) -> SafeString:
    """A ratio in per cent: 0.914 is `91.4 %`."""
    if value is None:
        return no_data()
    hundredfold = Fraction(value) * 100
    return format_html('<span class="nowrap">{} %</span>', _digits(hundredfold, enough_places(hundredfold, places)))


@register.filter
def decimal_words(value: Number, places: int) -> str:
    """A number with that many decimals as text, for sentences."""
    return _digits(value, places)


def signed_words(value: Number, places: int) -> str:
    """The same with its sign, a plus too."""
    return _digits(value, places, signed=True)


@register.filter
def gap_points(value: Decimal, beside: Decimal) -> str:
    """Missing points rounded up, with as many decimals as tell them from the gap `beside` them: `40`, `39.2`."""
    places = next(
        (
            places
            for places in range(POINT_PLACES)
            if value == beside or ceiling(value, places) != ceiling(beside, places)
        ),
        POINT_PLACES,
    )
    return _write(ceiling(value, places), places)


@register.filter
def portfolio_places(row: Row) -> int:
    """The decimals with which a client's tracks add up in a row of the portfolio."""
    parts = [row[name] or 0 for name in ("points_sourced", "points_assisted", "points_managed")]
    return adding_places(row["points_total"] or 0, parts)


@register.filter
def stake_places(row: Row) -> int:
    """The decimals with which sold and managed points at stake add up in a row of the renewals."""
    return adding_places(row["stake"] or 0, [row["stake_sold"] or 0, row["stake_managed"] or 0])


@register.filter
def rate_short(value: Decimal) -> str:
    """A commission rate with the decimals it has, at least two: `0.20`."""
    return _digits(value, max(2, -int(value.normalize().as_tuple().exponent)))


@register.filter
def rate(value: Decimal | None) -> SafeString | str:
    """An exchange rate with all its decimals, at least four."""
    if value is None:
        return no_data()
    places = max(4, -int(value.normalize().as_tuple().exponent))
    return _digits(value, places)


@register.filter
def decimals(value: Number | None, places: int = 1) -> SafeString | str:
    """A plain number with that many decimals."""
    return no_data() if value is None else _digits(value, places)


@register.filter
def plain_number(value: Decimal) -> str:
    """A number in full without zeros at its end: a rate of 5.0000 is `5`, one of 2.5000 is `2.5`."""
    exponent = value.normalize().as_tuple().exponent
    return _digits(value, max(0, -exponent) if isinstance(exponent, int) else 0)


@register.filter
def abs_value(value: int) -> int:
    """A number of days without its sign."""
    return abs(value)


# Days

register.filter(day_text)


@register.filter
def day(value: date | None) -> SafeString:
    """`23 Nov 2026` in a `<time>`."""
    return no_data() if value is None else _time(value, day_text(value))


@register.filter
def short_day(value: date) -> SafeString:
    """`23 Nov` in a `<time>`, where the year stands beside it."""
    return _time(value, date_format(value, "j M"))


@register.filter
def long_day(value: date) -> SafeString:
    """`15 January 2027` in a `<time>`."""
    return _time(value, date_format(value, "j F Y"))


@register.filter
def short_month(value: date) -> str:
    """`Nov 26`, for months side by side."""
    return date_format(value, "M y")


@register.filter
def month(value: date) -> str:
    """`November 2026`."""
    return date_format(value, "F Y")


def _time(value: date, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)


@register.filter
def period(value: Period) -> str:
    """Both days, as short as they are clear: `23 Nov 2026`, `1 – 31 Oct 2026`, `25 Oct – 23 Nov 2026`."""
    first, last = value.first, value.last
    if first == last:
        return day_text(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {day_text(last)}"
    start = date_format(first, "j M" if first.year == last.year else "j M Y")
    return f"{start} – {day_text(last)}"


# Tiers, requirements, tracks and causes


@register.simple_tag
def tier_mark(name: str | None, names: Sequence[str]) -> SafeString:
    """Rising bars, one for each tier of the rule set (lowest first), filled up to this one."""
    reached = names.index(name) + 1 if name in names else 0
    count = max(len(names), 2)
    bars = []
    for place in range(count):
        height = 5 + 10 * place / (count - 1)
        full = place < reached
        inset = 0 if full else 0.5
        bars.append(
            (
                "" if full else mark_safe(' class="off"'),
                f"{place * 4 + 0.5 + inset:g}",
                f"{round(16 - height + inset, 1):g}",
                f"{3 - 2 * inset:g}",
                f"{round(height - 2 * inset, 1):g}",
            )
        )
    rects = format_html_join("", '<rect{} x="{}" y="{}" width="{}" height="{}"/>', bars)
    return format_html('<svg class="tier-mark" viewBox="0 0 {} 16" aria-hidden="true">{}</svg>', count * 4, rects)


@register.simple_tag
def tier(name: str | None, names: Sequence[str], classes: str = "") -> SafeString:
    """A tier with its mark; None is untiered."""
    return format_html(
        '<span class="tier{}">{}{}</span>', f" {classes}" if classes else "", tier_mark(name, names), tier_name(name)
    )


@register.filter
def tier_name(name: str | None) -> str:
    """The tier's name, or `Untiered`."""
    return name or _("Untiered")


@register.filter
def metric_label(metric: Metric) -> str:
    """What a tier requirement is called."""
    return str(METRIC_TEXTS[metric].name)


@register.simple_tag
def metric_value(metric: Metric, value: Number | None) -> SafeString | str:
    """A value of a tier requirement as its metric is written."""
    if metric.unit is Unit.RATIO:
        return percent(value)
    if metric.unit is Unit.MONEY:
        return dollars(value)
    if metric.unit is Unit.POINTS:
        return points(value)
    return decimals(value, 1 if metric.unit is Unit.AVERAGE else 0)


@register.simple_tag
def metric_have(need: "Need") -> SafeString | str:
    """What there is of a tier requirement. Of one that is not met it is rounded down, so that it never reads as enough, and
    with `metric_missing` adds up to the need: 1,220.5 + 39.5 = 1,260."""
    if need.have is None or need.met:
        return metric_value(need.metric, need.have)
    return _metric_to(need.metric, need.have, floor)


@register.simple_tag
def metric_missing(need: "Need") -> SafeString | str:
    """What a tier requirement is short of, rounded up: 39.4501 points are `39.5`, and a gap never reads 0."""
    return no_data() if need.missing is None else _metric_to(need.metric, need.missing, ceiling)


def _metric_to(metric: Metric, value: Decimal, rounded: Callable[[Decimal, int], Decimal]) -> SafeString | str:
    if metric.unit is Unit.RATIO:
        return format_html('<span class="nowrap">{} %</span>', _write(rounded(value * 100, 1), 1))
    if metric.unit is Unit.MONEY:
        return _dollars(half_even(value, 2), rounded(value, 0))
    if metric.unit is Unit.POINTS:
        shown = rounded(value, 1)
        places = 0 if shown == shown.to_integral_value() and value == shown else 1
        return _data(half_even(value, POINT_PLACES), _write(shown, places))
    return _write(rounded(value, places := 1 if metric.unit is Unit.AVERAGE else 0), places)


@register.simple_tag
def swatch(*fills: str) -> SafeString:
    """A square in the fill of a track, or of the classes given: `{% swatch "sourced" %}`, `{% swatch "f-missing" %}`."""
    classes = TRACK_FILLS.get(fills[0], fills)
    rects = format_html_join("", '<rect class="{}" width="12" height="12"/>', ((fill,) for fill in classes))
    return format_html('<svg class="swatch" aria-hidden="true">{}</svg>', rects)


@register.simple_tag
def cause_tag(cause: Cause, label: str) -> SafeString:
    """A cause of a change of points: word, icon and tone."""
    tone, mark = CAUSE_MARKS[cause]
    return format_html(
        '<span class="tag{}"><svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>{}</span>',
        f" {tone}" if tone else "",
        mark,
        label,
    )
