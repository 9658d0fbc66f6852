"""The chart of points over time: the tracks and their total, what is ahead, thresholds as they were in force, and reviews."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from django.utils.translation import gettext as _

from ledger.series import PointTotals
from partner_portal.formats.days import day_text, short_month
from partner_portal.formats.numbers import decimal_text, whole
from partner_portal.lib.charts.chart import Chart, Line, Marker, Name, Rule, Shade, Shown, Stop, Text, Upright
from partner_portal.lib.charts.scale import Scale, axis
from partner_portal.lib.dates.months import months_between
from program.labels import tier_name
from program.terms import Metric, Track
from tiers.over_time import Level, OverTime, ReviewMark, Threshold

MARKERS = {Track.MANAGED: Marker.DIAMOND, Track.ASSISTED: Marker.SQUARE, Track.SOURCED: Marker.CIRCLE}
LETTERS = Decimal("0.08")  # of the height: labels at the right end that are nearer to another would lie on it
NAMED_REVIEWS = 6


def timeline(series: OverTime, about: str) -> Chart | None:
    """The chart; None while there are no points. about: what the series says, in a sentence."""
    past = [(level.day, level.points) for level in series.past]
    ahead: list[tuple[date, PointTotals]] = []
    if series.end is not None:
        ahead = [past[-1], *series.drops, (series.end.day, series.end.points)]
    most = max(points.total for _day, points in (*past, *ahead))
    if not most:
        return None
    scale = axis([most * Decimal("1.05")], Scale(decimal_text, whole=True))
    total_points = (each for each in series.thresholds if each.metric == Metric.TOTAL_POINTS)
    seen = [threshold for threshold in total_points if threshold.value <= scale.high]
    first, last = past[0][0].toordinal(), series.until.toordinal()
    now = series.day.toordinal() if series.end is not None else None
    return Chart(
        title=_("Points over time"),
        description=about,
        axis=scale,
        first=first,
        last=max(last, first + 1),
        days=True,
        stops=tuple(_stops(series)),
        names=tuple(_months(past[0][0], series.until)),
        lines=(*_lines(past, marked=series.step == "month"), *_lines(ahead, ahead=True)),
        rules=tuple(
            Rule(each.first.toordinal(), each.last.toordinal(), float(each.value), "c-threshold") for each in seen
        ),
        uprights=(
            *(Upright(review.on.toordinal(), "s-dots") for review in series.reviews),
            *((Upright(now, "s-tick"),) if now is not None else ()),
        ),
        shades=(Shade(now, last),) if now is not None else (),
        texts=(
            *_end_labels(series, seen, (ahead or past)[-1][1].total, Decimal(scale.high)),
            *_review_labels(series.reviews, last),
            *((Text(now, None, _("today"), "start", strong=True, right=4, down=12),) if now is not None else ()),
        ),
        height=236,
        texts_beside=True,
    )


def _lines(points: Sequence[tuple[date, PointTotals]], *, marked: bool = False, ahead: bool = False) -> Iterator[Line]:
    """A line a track, and their total on top of them."""
    for track in reversed(("total", *Track)) if points else ():
        label = _("total") if track == "total" else {
            Track.SOURCED: _("sourced"), Track.ASSISTED: _("assisted"), Track.MANAGED: _("managed"),
        }[Track(track)]  # fmt: skip
        yield Line(
            [(day.toordinal(), float(getattr(figures, track))) for day, figures in points],
            f"c-{track}{' c-ahead' if ahead else ''}",
            None if track == "total" or not marked else MARKERS[Track(track)],
            stepped=ahead,
            label=f"{label}, {_('if nothing else happens')}" if ahead else label,
        )


def _months(first: date, last: date) -> Iterator[Name]:
    """The months by their first day; near the right end their names end there."""
    for month in months_between(first, last):
        if month >= first:
            near = (month - first).days > (last - first).days * 0.93
            yield Name(month.toordinal(), (short_month(month),), "end" if near else "middle")


def _stops(series: OverTime) -> Iterator[Stop]:
    """A stop a level, as far as half the way to its neighbours."""
    days = [level.day.toordinal() for level in series.levels]
    borders = [float(days[0]), *((one + other) / 2 for one, other in pairwise(days)), float(days[-1])]
    if len(days) == 1:
        borders[-1] += 1
    for level, (start, end) in zip(series.levels, pairwise(borders), strict=True):
        yield Stop(start, end, tuple(_told(level)))


def _told(level: Level) -> Iterator[str]:
    yield f"{day_text(level.day)}, {_('if nothing else happens')}" if level.ahead else day_text(level.day)
    yield f"{whole(level.points.total)} {_('total')}"
    yield f"{whole(level.points.sourced)} {_('sourced')}"
    yield f"{whole(level.points.assisted)} {_('assisted')}"
    yield f"{whole(level.points.managed)} {_('managed')}"


def _end_labels(series: OverTime, seen: Sequence[Threshold], total: Decimal, high: Decimal) -> Iterator[Text]:
    """The tiers in force at the right end, and the total, unless they would lie on one another; on a phone above the lines."""
    placed: list[Decimal] = []
    end = series.until.toordinal()
    for threshold in seen:
        if threshold.last == series.until and _is_clear(threshold.value, placed, high):
            placed.append(threshold.value)
            text = f"{threshold.tier} {whole(threshold.value)}"
            at = float(threshold.value)
            yield Text(end, at, text, "start", strong=True, right=8, down=4, shown=Shown.WIDE)
            yield Text(end, at, text, "end", strong=True, down=-4, shown=Shown.NARROW)
    if _is_clear(total, placed, high):
        yield Text(end, float(total), _("Total"), "start", strong=True, right=8, down=4, shown=Shown.WIDE)


def _is_clear(value: Decimal, placed: Sequence[Decimal], high: Decimal) -> bool:
    return all(abs(value - other) > high * LETTERS for other in placed)


def _review_labels(reviews: Sequence[ReviewMark], last: int) -> Iterator[Text]:
    """The day and the tier of each review above its line, where there is room up to the next."""
    if len(reviews) > NAMED_REVIEWS:
        return
    places = [review.on.toordinal() for review in reviews]
    for review, place, after in zip(reviews, places, [*places, last + 60][1:], strict=True):
        text = f"{day_text(review.on)}, {tier_name(review.tier)}"
        yield Text(place, None, text, "start", down=-8, room=after - place, shown=Shown.WIDE)
