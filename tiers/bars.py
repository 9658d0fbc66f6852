"""Where the bars and marks of the progress chart stand, in per cent of its width (docs/points.md 7).

Pure: geometry only. The template writes it as SVG attributes, so that the figures are there before any script.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from partner_portal.lib.rounding import half_even
from program.terms import Metric, Track
from tiers.rules import TierGap

LABEL = 22  # per cent of the width that a label may need on a phone
# The rows of the chart: the metrics that count points, and assisted points, which no tier can require.
METRICS: dict[str, tuple[Track, ...]] = {
    metric.value: metric.tracks for metric in (Metric.TOTAL_POINTS, Metric.SOLD_POINTS, Metric.SOURCED_POINTS)
} | {"assisted_points": (Track.ASSISTED,), Metric.MANAGED_POINTS.value: Metric.MANAGED_POINTS.tracks}


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar in the fill of its track."""

    track: Track
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A tier's threshold. line: the row of its label, from 0 on, so that labels do not touch; anchor: of the text."""

    tier: str
    value: Decimal
    place: str
    line: int
    anchor: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the chart. beyond: thresholds right of the scale; lines: rows of labels."""

    metric: str
    have: Decimal
    segments: tuple[Segment, ...]
    marks: tuple[Mark, ...]
    beyond: tuple[tuple[str, Decimal], ...]

    @property
    def track(self) -> str:
        """The track the bar is of; "" for sums of several."""
        tracks = METRICS[self.metric]
        return tracks[0] if len(tracks) == 1 else ""

    @property
    def lines(self) -> int:
        """Rows that the labels need, at least one."""
        return max((mark.line for mark in self.marks), default=0) + 1


def bars(points: Mapping[Track, Decimal], targets: Sequence[TierGap], chosen: str | None) -> tuple[Bar, ...]:
    """A bar for the total, one for every track, and one for sold points where a tier asks for them, all on one scale: up to
    the points there are or what the chosen target needs, whichever is more."""
    needs = {
        metric: [(target.tier, row.need) for target in targets for row in target.requirements if row.metric == metric]
        for metric in METRICS
    }
    haves = {metric: sum((points[track] for track in tracks), Decimal(0)) for metric, tracks in METRICS.items()}
    wanted = [need for rows in needs.values() for tier, need in rows if tier == chosen]
    scale = Fraction(max([haves[Metric.TOTAL_POINTS], *wanted, Decimal(1)])) * Fraction(108, 100)
    found = []
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
        found.append(Bar(metric, haves[metric], tuple(segments), _marks(inside, scale, chosen), beyond))
    return tuple(found)


def _marks(inside: Sequence[tuple[Decimal, str]], scale: Fraction, chosen: str | None) -> tuple[Mark, ...]:
    found = []
    ends: list[Fraction] = []  # where the last label of every line ends
    for need, tier in inside:
        place = Fraction(need) / scale * 100
        anchor = "start" if place < 10 else "end" if place > 90 else "middle"
        left = place if anchor == "start" else place - LABEL if anchor == "end" else place - Fraction(LABEL, 2)
        line = next((index for index, end in enumerate(ends) if end <= left), len(ends))
        ends[line : line + 1] = [left + LABEL]
        found.append(Mark(tier, need, _percent(place / 100), line, anchor, tier == chosen))
    return tuple(found)


def _percent(part: Fraction) -> str:
    return f"{half_even(part * 100, 2)}%"
