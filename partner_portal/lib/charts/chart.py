"""What a chart shows, whoever draws it: marks in the units of its two axes, and texts that are already written.

Pure values. Positions are floats, since they end as pixels; the numbers that people read are texts. Colours and patterns are
names of CSS classes, so that both themes, print and high contrast need no other drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Marker(StrEnum):
    """The shape at the points of a line: a line is told from others by its shape as much as by its colour."""

    CIRCLE = "circle"
    DIAMOND = "diamond"
    SQUARE = "square"


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the chart, and the number beside it."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The vertical axis: the values at its bottom and top, and its ticks from the bottom up."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar between two values. start and end: on the horizontal axis."""

    start: float
    end: float
    low: float
    high: float
    #: The CSS classes of its fill, and of a pattern over it; "" for none.
    fill: str
    hatch: str = ""
    #: Whether it is broken because the axis does not start at 0.
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; None is a gap. stroke: its CSS classes."""

    points: Sequence[tuple[float, float | None]]
    stroke: str
    #: The shape at its points, and whether the shape is hollow; None: the line alone.
    marker: Marker | None = None
    hollow: bool = False
    #: Whether a value holds until the next point, in place of a straight line to it.
    stepped: bool = False
    #: The name of its values in Plotly.
    label: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line at a value, in force between two places."""

    start: float
    end: float
    at: float
    stroke: str


@dataclass(frozen=True, slots=True)
class Upright:
    """A vertical line through the whole chart."""

    at: float
    stroke: str


@dataclass(frozen=True, slots=True)
class Shade:
    """A ground behind a part of the chart."""

    start: float
    end: float


class Shown(StrEnum):
    """Where a text is shown: the value is its CSS class."""

    ALWAYS = ""
    WIDE = "wide"
    NARROW = "narrow"


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the chart. y: the value that it stands above; None: the top of the chart."""

    x: float
    y: float | None
    text: str
    #: start, middle or end of the text is at x.
    anchor: str = "middle"
    strong: bool = False
    #: The horizontal room for it, in the unit of the axis; it is hidden where it would need more. None: always enough.
    room: float | None = None
    #: Pixels from its place to the right and down.
    right: int = 0
    down: int = -6
    shown: Shown = Shown.ALWAYS


@dataclass(frozen=True, slots=True)
class Name:
    """A name on the horizontal axis, in lines."""

    at: float
    lines: tuple[str, ...]
    anchor: str = "middle"
    shown: Shown = Shown.ALWAYS


@dataclass(frozen=True, slots=True)
class Stop:
    """A part of the width that says its values: the name first, then a line a value."""

    start: float
    end: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart."""

    #: What it is called, and what it says, in a sentence or two.
    title: str
    description: str
    axis: Axis
    #: The ends of the horizontal axis. With `days`, its unit is the ordinal of a day.
    first: float
    last: float
    stops: tuple[Stop, ...]
    names: tuple[Name, ...] = ()
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    rules: tuple[Rule, ...] = ()
    uprights: tuple[Upright, ...] = ()
    shades: tuple[Shade, ...] = ()
    texts: tuple[Text, ...] = ()
    days: bool = False
    #: The height in pixels of what is drawn, the names below it included where they have room there.
    height: int = 176
    #: Whether texts stand to the right of the chart.
    texts_beside: bool = False
    #: Whether names stand below the height, where the style sheet makes room for them.
    names_below: bool = False
