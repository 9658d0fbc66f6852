"""Charts of bars and of lines from named values: what is in them, in the numbers and words of the active language.

The picture itself is drawn by `lib.charts`. A chart whose values are all missing or all 0 is None: a page says so in its place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from itertools import pairwise

from django.utils.translation import gettext as _

from partner_portal.formats.numbers import decimal_text, percent_text, whole
from partner_portal.lib.charts.chart import Axis, Bar, Chart, Line, Marker, Name, Shown, Stop, Text, Upright
from partner_portal.lib.charts.scale import Scale, axis

ZERO = Decimal(0)
BAR_STARTS, BAR_ENDS = 0.2, 0.8  # of the place of a bar


class Fill(Enum):
    """How a bar is filled: the CSS classes of its colour, and of the pattern over it. The legends show the same."""

    DONE = ("f-ink", "")
    SCHEDULED = ("f-ink", "f-hatch")
    EXPECTED = ("f-missing", "")
    LOSS = ("f-loss", "f-hatch")


class Stroke(Enum):
    """How a line is drawn: its CSS class and the shape at its points."""

    FIRST = ("l-first", Marker.CIRCLE)
    SECOND = ("l-second", Marker.DIAMOND)


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one kind, one for each name; None where there is none. label: as it follows a value, `12 won`."""

    look: Fill | Stroke
    label: str
    values: Sequence[Decimal | None]


class Unit(Enum):
    """What values are, and how they are written."""

    COUNT = "count"
    NUMBER = "number"
    RATIO = "ratio"


def ratio_text(value: Decimal, places: int) -> str:
    """Write a ratio as per cent: 0.862 with one decimal is `86.2%`."""
    return percent_text(decimal_text(value * 100, places))


_SCALES = {
    Unit.COUNT: Scale(decimal_text, whole=True),
    Unit.NUMBER: Scale(decimal_text),
    Unit.RATIO: Scale(ratio_text, ratio=True),
}
_WRITERS: dict[Unit, Callable[[Decimal], str]] = {
    Unit.COUNT: whole,
    Unit.NUMBER: whole,
    Unit.RATIO: lambda value: ratio_text(value, 1),
}


def bar_chart(
    title: str, names: Sequence[str], series: Sequence[Series], *, unit: Unit = Unit.NUMBER, ahead: int | None = None
) -> Chart | None:
    """Bars of several parts, one on the other, with their sum above; ahead: the index of the first bar that is expected."""
    if not any(value for each in series for value in each.values):
        return None
    bars, totals = [], []
    tops, feet = [ZERO], [ZERO]
    for place in range(len(names)):
        top = foot = ZERO
        for each in series:
            value = each.values[place] or ZERO
            if not value:
                continue
            low, high = (foot + value, foot) if value < 0 else (top, top + value)
            top, foot = max(top, high), min(foot, low)
            fill, hatch = each.look.value
            bars.append(Bar(place + BAR_STARTS, place + BAR_ENDS, float(low), float(high), fill, hatch))
        total = top + foot
        tops.append(top)
        feet.append(foot)
        if total:
            totals.append(Text(place + 0.5, float(top), _WRITERS[unit](total), strong=True, room=1))
    return Chart(
        title=title,
        description=_described(names, series, unit),
        axis=axis([*tops, *feet], _SCALES[unit]),
        first=0,
        last=len(names),
        stops=_stops(names, series, unit),
        names=tuple(Name(place + 0.5, (name,)) for place, name in enumerate(names)),
        bars=tuple(bars),
        uprights=(Upright(ahead, "s-dots"),) if ahead else (),
        texts=(*totals, *((Text(ahead, None, _("expected"), "start", right=6, down=-8),) if ahead else ())),
    )


def line_chart(
    title: str,
    names: Sequence[str],
    series: Sequence[Series],
    *,
    unit: Unit = Unit.COUNT,
    partial: int | None = None,
    from_zero: bool = True,
) -> Chart | None:
    """Lines over names, with gaps where there is no value; partial: the index of a name that is not over yet, the last one."""
    known = [value for each in series for value in each.values if value is not None]
    if not any(known):
        return None
    lines = []
    end = len(names) if partial is None else partial
    for each in series:
        stroke, marker = each.look.value
        points = [(place + 0.5, None if value is None else float(value)) for place, value in enumerate(each.values)]
        lines.append(Line(points[:end], stroke, marker, label=each.label))
        if points[end:]:
            lines.append(Line(points[max(end - 1, 0) : end + 1], f"{stroke} so-far", label=each.label))
            lines.append(Line(points[end : end + 1], stroke, marker, hollow=True, label=each.label))
    return Chart(
        title=title,
        description=_described(names, series, unit),
        axis=axis(known, replace(_SCALES[unit], from_zero=from_zero), most=4),
        first=0,
        last=len(names),
        stops=_stops(names, series, unit, partial),
        names=tuple(Name(place + 0.5, (name,)) for place, name in enumerate(names)),
        lines=tuple(lines),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A column of a bridge. label: above it; name: of the column, in lines that fit a phone."""

    #: The level it starts at; None: it stands on the axis.
    start: Decimal | None
    end: Decimal
    label: str
    name: tuple[str, ...]


def bridge_chart(title: str, steps: Sequence[Step]) -> Chart | None:
    """How an opening level becomes a closing one: a column a step, broken where the axis does not start at 0.

    The columns start where the columns of figures above them start.
    """
    levels = [level for step in steps for level in (step.start, step.end) if level is not None]
    if not any(levels):
        return None
    low, top = _bridge_ends(levels)
    bars, texts, names = [], [], []
    for place, step in enumerate(steps):
        start = place + 0.08 if place else 0.0
        foot = low if step.start is None else step.start
        fill, hatch = (
            ("f-ink", "") if step.start is None else ("f-loss", "f-hatch") if step.end < step.start else ("f-gain", "")
        )
        lower, upper = sorted((foot, step.end))
        broken = step.start is None and low != 0
        bars.append(Bar(start, start + 0.5, float(lower), float(upper), fill, hatch, broken))
        texts.append(Text(start, float(upper), step.label, "start", strong=True))
        names.append(Name(start, step.name, "start", Shown.NARROW))
    links = [
        Line(
            [(bar.start if step.start == step.end else bar.end, float(step.end)), (after.start, float(step.end))],
            "s-dots",
        )
        for step, (bar, after) in zip(steps, pairwise(bars), strict=False)
    ]
    return Chart(
        title=title,
        description="; ".join(f"{' '.join(step.name)}: {step.label}" for step in steps),
        axis=Axis(float(low), float(top)),
        first=0,
        last=len(steps),
        stops=tuple(Stop(place, place + 1, (" ".join(step.name), step.label)) for place, step in enumerate(steps)),
        names=tuple(names),
        bars=tuple(bars),
        lines=tuple(links),
        texts=tuple(texts),
        height=140,
        names_below=True,
    )


def _bridge_ends(levels: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """The bottom and the top of the axis: as far from 0 as the steps need to be seen beside the levels."""
    top, lowest = max(levels), min(levels)
    spread = max(top - lowest, top / 50, Decimal(10))
    return max(ZERO, lowest - spread * 3 / 5) if lowest >= 0 else lowest, top


def _stops(names: Sequence[str], series: Sequence[Series], unit: Unit, partial: int | None = None) -> tuple[Stop, ...]:
    """A stop a name: its values that are not 0, or all of them when all are 0."""
    write = _WRITERS[unit]
    stops = []
    for place, name in enumerate(names):
        known = [(each.values[place], each.label) for each in series]
        told = [
            f"{write(value)} {label}"
            for value, label in known
            if value is not None and (value or not any(other for other, _label in known))
        ]
        title = f"{name}, {_('so far')}" if place == partial else name
        stops.append(Stop(place, place + 1, (title, *(told or [_("no data")]))))
    return tuple(stops)


def _described(names: Sequence[str], series: Sequence[Series], unit: Unit) -> str:
    """The lowest and the highest value of each series, and where."""
    write = _WRITERS[unit]
    sentences = []
    for each in series:
        known = [(value, name) for value, name in zip(each.values, names, strict=True) if value is not None]
        if known:
            (low, low_name), (high, high_name) = min(known, key=_value), max(known, key=_value)
            sentences.append(
                _("%(label)s: lowest %(low)s (%(low_name)s), highest %(high)s (%(high_name)s)")
                % {
                    "label": each.label,
                    "low": write(low),
                    "low_name": low_name,
                    "high": write(high),
                    "high_name": high_name,
                }
            )
    return "; ".join(sentences)


def _value(known: tuple[Decimal, str]) -> Decimal:
    return known[0]
