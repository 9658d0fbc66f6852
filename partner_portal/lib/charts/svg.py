"""Draws a chart as SVG that needs no script and no style of its own.

Across, everything is in per cent of the width, so that one drawing serves a phone, a desk and paper with letters of one size;
down, in pixels. Lines are drawn in a square of 1,000 that is stretched, and their strokes are not. What would not fit into a
narrower chart is marked with the bands of widths (`BANDS`) in which the style sheet hides it.
"""

from collections.abc import Iterator
from html import escape

from partner_portal.lib.charts.chart import Chart, Line, Marker, Name, Shown, Text

TOP = 22  # pixels above the highest tick, for texts
BOTTOM = 24  # below the lowest, for names
LETTER = 6.6  # pixels of a letter or digit of the axis, on average and a little more
AIR = 10  # pixels between two names
# The room that a chart has at least while its box is narrower than 20, 30 and 48 rem, and beyond.
BANDS = (236, 320, 480, 768)
EVERY = (1, 2, 3, 4, 6, *(12 * 2**power for power in range(12)))  # of how many names one is shown: months make years
WIDTH = 1000  # of the stretched square
CUT = 12  # pixels from the bottom of a broken bar to its cut


def svg(chart: Chart, ident: str) -> str:
    """The chart as an `<svg>` element of HTML. ident: unique on the page."""
    return "".join(_Drawing(chart).parts(ident))


def side_letters(chart: Chart) -> int:
    """How many letters the longest tick has, 9 at most: the room that the style sheet leaves beside the drawing."""
    return min(9, max((len(tick.text) for tick in chart.axis.ticks), default=0))


class _Drawing:
    """Places of one chart, and its elements from the ground up."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.bottom = chart.height - (4 if chart.names_below else BOTTOM)

    def parts(self, ident: str) -> Iterator[str]:
        chart = self.chart
        yield (
            f'<svg class="svg drawing" role="img" width="100%" height="{chart.height}" '
            f'aria-label="{escape(chart.title)}" aria-describedby="{ident}-about">'
            f'<desc id="{ident}-about">{escape(chart.description)}</desc>'
        )
        yield from self._ground()
        for bar in chart.bars:
            x, width = self.x(bar.start), self.width(bar.start, bar.end)
            top, height = self.y(bar.high), self.y(bar.low) - self.y(bar.high)
            for fill in filter(None, (bar.fill, bar.hatch)):
                yield f'<rect class="{fill}" x="{x}" y="{top:.1f}" width="{width}" height="{height:.1f}"/>'
            if bar.broken:
                yield (
                    f'<svg x="{x}" y="{self.bottom - CUT}" width="{width}" height="6" viewBox="0 0 100 6" '
                    'preserveAspectRatio="none"><path class="c-cut" d="M0 5 25 1 50 5 75 1 100 5"/></svg>'
                )
        yield from self._lines()
        for text in chart.texts:
            yield self._text(text)
        yield from self._names()
        for stop in chart.stops:
            yield (
                f'<g class="stop"><title>{escape(chr(10).join(stop.lines))}</title><rect x="{self.x(stop.start)}" '
                f'y="0" width="{self.width(stop.start, stop.end)}" height="{self.bottom}"/></g>'
            )
        yield "</svg>"

    def x(self, at: float) -> str:
        """A place across, as a percentage."""
        return _percent((at - self.chart.first) / (self.chart.last - self.chart.first))

    def width(self, start: float, end: float) -> str:
        """A distance across, as a percentage."""
        return _percent((end - start) / (self.chart.last - self.chart.first))

    def y(self, value: float) -> float:
        """A place down, in pixels."""
        axis = self.chart.axis
        return TOP + (axis.high - value) / (axis.high - axis.low) * (self.bottom - TOP)

    def _ground(self) -> Iterator[str]:
        chart = self.chart
        for shade in chart.shades:
            yield (
                f'<rect class="f-shade" x="{self.x(shade.start)}" y="{TOP}" '
                f'width="{self.width(shade.start, shade.end)}" height="{self.bottom - TOP}"/>'
            )
        for tick in chart.axis.ticks:
            y = f"{self.y(tick.at):.1f}"
            yield f'<line class="s-grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
            yield f'<text x="-8" y="{y}" dy=".35em" text-anchor="end">{escape(tick.text)}</text>'
        foot = f"{self.y(max(chart.axis.low, 0.0)):.1f}"
        yield f'<line class="s-foot" x1="0" x2="100%" y1="{foot}" y2="{foot}"/>'

    def _lines(self) -> Iterator[str]:
        chart = self.chart
        paths = [
            f'<path class="{line.stroke}" d="{self._path(line)}"/>' for line in chart.lines if len(line.points) > 1
        ]
        for rule in chart.rules:
            y = f"{self.y(rule.at):.1f}"
            yield (f'<line class="{rule.stroke}" x1="{self.x(rule.start)}" x2="{self.x(rule.end)}" y1="{y}" y2="{y}"/>')
        for upright in chart.uprights:
            x = self.x(upright.at)
            yield f'<line class="{upright.stroke}" x1="{x}" x2="{x}" y1="{TOP}" y2="{self.bottom}"/>'
        if paths:
            yield (
                f'<svg class="paths" width="100%" height="{chart.height}" viewBox="0 0 {WIDTH} {chart.height}" '
                f'preserveAspectRatio="none">{"".join(paths)}</svg>'
            )
        for line in chart.lines:
            if line.marker:
                yield from self._markers(line, line.marker)

    def _path(self, line: Line) -> str:
        """Straight lines between neighbours, or steps; after a gap the line begins again."""
        span = self.chart.last - self.chart.first
        path, drawing = [], False
        values = [value for _at, value in line.points]
        for (at, value), before, after in zip(line.points, [None, *values], [*values[1:], None], strict=False):
            if value is None:
                drawing = False
                continue
            if before == value == after:
                continue  # in the middle of a level stretch
            x, y = f"{(at - self.chart.first) / span * WIDTH:.1f}", f"{self.y(value):.1f}"
            if not drawing:
                path.append(f"M{x} {y}")
            elif line.stepped:
                path.append(f"H{x}V{y}")
            else:
                path.append(f"L{x} {y}")
            drawing = True
        return "".join(path)

    def _markers(self, line: Line, marker: Marker) -> Iterator[str]:
        kind = f"{line.stroke} mark{' hollow' if line.hollow else ''}"
        for at, value in line.points:
            if value is not None:
                yield f'<use class="{kind}" href="#m-{marker}" x="{self.x(at)}" y="{self.y(value):.1f}"/>'

    def _text(self, text: Text) -> str:
        y = TOP if text.y is None else self.y(text.y)
        classes = ["strong"] if text.strong else []
        if text.shown is not Shown.ALWAYS:
            classes.append(text.shown)
        if text.room is not None:
            part = text.room / (self.chart.last - self.chart.first)
            needed = len(text.text) * LETTER + 2
            classes += [f"no-{band}" for band, room in enumerate(BANDS) if needed > part * room]
        return (
            f'<text{_classes(classes)} x="{self.x(text.x)}" y="{y:.1f}" dx="{text.right}" dy="{text.down}" '
            f'text-anchor="{text.anchor}">{escape(text.text)}</text>'
        )

    def _names(self) -> Iterator[str]:
        names = self.chart.names
        needed = max((len(line) for name in names for line in name.lines), default=0) * LETTER + AIR
        every = [next(n for n in EVERY if n >= len(names) * needed / room) for room in BANDS]
        for place, name in enumerate(reversed(names)):  # the last one is always named
            bands = [] if name.shown is not Shown.ALWAYS else [n for n, each in enumerate(every) if place % each]
            yield self._name(name, [f"no-{band}" for band in bands])

    def _name(self, name: Name, classes: list[str]) -> str:
        if name.shown is not Shown.ALWAYS:
            classes = [*classes, name.shown]
        x = self.x(name.at)
        lines = name.lines
        inner = escape(lines[0])
        if len(lines) > 1:
            inner = "".join(
                f'<tspan x="{x}" dy="{"1.25em" if row else "0"}">{escape(line)}</tspan>'
                for row, line in enumerate(lines)
            )
        return f'<text{_classes(classes)} x="{x}" y="{self.bottom + 17}" text-anchor="{name.anchor}">{inner}</text>'


def _classes(names: list[str]) -> str:
    return f' class="{" ".join(names)}"' if names else ""


def _percent(part: float) -> str:
    return f"{part * 100:.2f}".rstrip("0").rstrip(".") + "%"
