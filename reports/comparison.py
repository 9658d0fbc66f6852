"""Comparison and chart of a report: its rows in the earlier range, and its figure by month or by choice."""

from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from partner_portal.lib.dates.ranges import period_before, year_before
from partner_portal.lib.rows.datasets import Column, Kind, Selection, select
from reports.definitions import column_names, params_of


def compared(selection: Selection, comparison: str) -> Selection | None:
    """The same rows in the earlier period (a `Comparison`); None without a comparison, or for rows without a range."""
    chosen = selection.form.chosen
    if not comparison or chosen is None:
        return None
    other = period_before(chosen.period, chosen.preset) if comparison == "prev" else year_before(chosen.period)
    params = params_of(selection, fixed=True) | {
        f"{chosen.prefix}from": other.first.isoformat(),
        f"{chosen.prefix}to": other.last.isoformat(),
    }
    return select(selection.dataset, selection.scope, params).with_columns(column_names(selection))


class Grouping(NamedTuple):
    """The points of a chart. They sum to the figure of the selection."""

    label: str  # of the column that is grouped by
    points: list[tuple[str, Decimal]]  # (label, figure)


def grouped(selection: Selection, chart: str, most: int = 24) -> Grouping | None:
    """Group the figure for a chart (a `Chart`): a line by month, bars by the first column of choices without a filter.

    None when there is nothing to group by. most: further points are summed into one.
    """
    column = _dimension(selection, chart)
    if not chart or column is None:
        return None
    points = [(_label(column, key), value) for key, value in selection.figures_by(column)]
    if len(points) > most:
        if chart == "line":
            points = [(_("before"), _sum(points[: 1 - most])), *points[1 - most :]]
        else:
            points = [*points[: most - 1], (_("others"), _sum(points[most - 1 :]))]
    return Grouping(str(column.label), points)


def _sum(points: list[tuple[str, Decimal]]) -> Decimal:
    return sum((value for _label, value in points), Decimal(0))


def _dimension(selection: Selection, chart: str) -> Column | None:
    permitted = selection.dataset.permitted(selection.scope)
    dates = [column for column in permitted if column.kind in {Kind.DATE, Kind.MONTH} and not column.compute]
    # A column with a filter would make a single bar.
    choices = [
        column
        for column in permitted
        if column.choices and not column.compute and not selection.params.get(column.name)
    ]
    return next(iter(dates if chart == "line" else choices or dates), None)


def _label(column: Column, key: Any) -> str:
    if key is None:
        return "–"
    if column.kind in {Kind.DATE, Kind.MONTH}:
        return f"{key:%Y-%m}"
    return str((column.choices or {}).get(key, key))
