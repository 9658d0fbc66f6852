"""The figures of the chart over time as plain JSON values for the script that draws it; numbers are decimal texts."""

from datetime import date
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.translation import gettext as _

from ledger.series import PointTotals
from partner_portal.formats.numbers import whole
from program.labels import tier_name
from program.terms import Metric, Track
from tiers.over_time import OverTime

TRACKS = ("total", *Track)


def timeline(series: OverTime) -> dict[str, object]:
    """The chart's data: past lines with a point per level, lines ahead with a point per day on which something changes, the
    thresholds of total points while they are in force, and the reviews."""
    past = [(level.day, level.points) for level in series.past]
    ahead: list[tuple[date, PointTotals]] = []
    if series.end is not None:
        ahead = [past[-1], *series.drops, (series.end.day, series.end.points)]
    return {
        "today": series.day.isoformat() if series.end is not None else None,
        "until": series.until.isoformat(),
        "past": _lines(past),
        "ahead": _lines(ahead),
        "markers": series.step == "month",
        "names": {
            "total": _("Total"),
            Track.SOURCED: _("sourced"),
            Track.ASSISTED: _("assisted"),
            Track.MANAGED: _("managed"),
            "ahead": _("if nothing else happens"),
            "today": _("today"),
        },
        "thresholds": [
            {
                "tier": threshold.tier,
                "value": _number(threshold.value),
                "from": threshold.first.isoformat(),
                "to": threshold.last.isoformat(),
                "label": escape(f"{threshold.tier} {whole(threshold.value)}"),
                "open": threshold.last == series.until,
            }
            for threshold in series.thresholds
            if threshold.metric == Metric.TOTAL_POINTS
        ],
        "reviews": [
            {"on": mark.on.isoformat(), "label": f"{date_format(mark.on, 'j M y')}<br>{escape(tier_name(mark.tier))}"}
            for mark in series.reviews
        ],
    }


def _lines(points: list[tuple[date, PointTotals]]) -> dict[str, list[str]]:
    return {"days": [day.isoformat() for day, _figures in points]} | {
        str(track): [_number(getattr(figures, track)) for _day, figures in points] for track in TRACKS
    }


def _number(value: Decimal) -> str:
    return f"{value:.4f}"
