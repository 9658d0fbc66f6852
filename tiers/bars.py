"""Positions of the bars and marks of the progress chart, in per cent of its width (docs/points.md 7).

Pure: geometry only. The template writes them as SVG attributes, so that the chart needs no script.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from partner_portal.lib.rounding import half_even
from program.terms import Metric, Track
from tiers.rules import TierGap

LABEL_WIDTH = 22  # per cent of the width that a label may need on a phone
# The rows of the chart: the metrics that count points, and assisted points, which no tier can require.
METRICS: dict[str, tuple[Track, ...]] = {
    metric.value: metric.tracks for metric in (Metric.TOTAL_POINTS, Metric.SOLD_POINTS, Metric.SOURCED_POINTS)
} | {"assisted_points": (Track.ASSISTED,), Metric.MANAGED_POINTS.value: Metric.MANAGED_POINTS.tracks}


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar in the fill of its track."""

    track: Track
    #: Its left end and its width, as CSS percentages.
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A tier's threshold on a bar."""

    tier: str
    #: What the tier requires of the bar's metric.
    value: Decimal
    #: Its position as a CSS percentage.
    place: str
    #: The row of its label, counted from 0, so that labels do not overlap.
    line: int
    #: The `text-anchor` of its label: start, middle or end.
    anchor: str
    #: Whether it is the tier that the page measures the distance to.
    chosen: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the chart."""

    #: A key of METRICS.
    metric: str
    #: The points of the day.
    have: Decimal
    segments: tuple[Segment, ...]
    #: Thresholds within the scale, lowest first.
    marks: tuple[Mark, ...]
    #: Tier and value of the thresholds beyond the right end of the scale.
    beyond: tuple[tuple[str, Decimal], ...]

    @property
    def track(self) -> str:
        """The track that the bar shows; "" for a sum of several."""
        tracks = METRICS[self.metric]
        return tracks[0] if len(tracks) == 1 else ""

    @property
    def lines(self) -> int:
        """The number of rows that the labels need, at least one."""
        return max((mark.line for mark in self.marks), default=0) + 1


def bars(points: Mapping[Track, Decimal], targets: Sequence[TierGap], chosen: str | None) -> tuple[Bar, ...]:
    """Lay out a bar for the total, one per track, and one for sold points if a tier requires them, all on one scale.

    The scale ends a little above the total or what the chosen target requires, whichever is more.
    """
    needs = {
        metric: [(target.tier, row.need) for target in targets for row in target.requirements if row.metric == metric]
        for metric in METRICS
    }
    haves = {metric: sum((points[track] for track in tracks), Decimal(0)) for metric, tracks in METRICS.items()}
    wanted = [need for thresholds in needs.values() for tier, need in thresholds if tier == chosen]
    scale = Fraction(max([haves[Metric.TOTAL_POINTS], *wanted, Decimal(1)])) * Fraction(108, 100)
    rows = []
    for metric, tracks in METRICS.items():
        if metric == Metric.SOLD_POINTS and not needs[metric]:
            continue
        segments, start = [], Fraction(0)
        for track in tracks:
            width = Fraction(points[track]) / scale
            if width:
                segments.append(Segment(track, _percent(start), _percent(width)))
            start += width
        inside = sorted((need, tier) for tier, need in needs[metric] if need <= scale)
        beyond = tuple((tier, need) for tier, need in needs[metric] if need > scale)
        rows.append(Bar(metric, haves[metric], tuple(segments), _marks(inside, scale, chosen), beyond))
    return tuple(rows)


def _marks(inside: Sequence[tuple[Decimal, str]], scale: Fraction, chosen: str | None) -> tuple[Mark, ...]:
    marks = []
    ends: list[Fraction] = []  # the right end of the last label of every line
    for need, tier in inside:
        place = Fraction(need) / scale * 100
        anchor = "start" if place < 10 else "end" if place > 90 else "middle"
        left = place - LABEL_WIDTH * {"start": Fraction(0), "middle": Fraction(1, 2), "end": Fraction(1)}[anchor]
        line = next((index for index, end in enumerate(ends) if end <= left), len(ends))
        ends[line : line + 1] = [left + LABEL_WIDTH]
        marks.append(Mark(tier, need, _percent(place / 100), line, anchor, tier == chosen))
    return tuple(marks)


def _percent(part: Fraction) -> str:
    return f"{half_even(part * 100, 2)}%"
