"""The rows of a report in the range that theirs is compared with, and their sums by what a chart shows."""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from partner_portal.lib.dates.comparison import period_before, year_before
from partner_portal.lib.rows.datasets import Column, Kind, Selection, select
from reports.definitions import column_names, params_of


def compared(selection: Selection, comparison: str) -> Selection | None:
    """The same rows in the other period; None when nothing is compared or the rows have no range."""
    chosen = selection.form.chosen
    if not comparison or chosen is None:
        return None
    other = period_before(chosen.period, chosen.preset) if comparison == "prev" else year_before(chosen.period)
    params = params_of(selection, fixed=True) | {
        f"{chosen.prefix}from": other.first.isoformat(),
        f"{chosen.prefix}to": other.last.isoformat(),
    }
    return select(selection.dataset, selection.scope, params).with_columns(column_names(selection))


def grouped(selection: Selection, chart: str, most: int = 24) -> tuple[Any, list[tuple[str, Decimal]]] | None:
    """(what it is grouped by, [(label, figure)]) for a chart: a line by month, bars by the first choice that no filter holds.

    None when there is nothing to group by. The figures sum to the selection's figure.
    """
    column = _dimension(selection, chart)
    if not chart or column is None:
        return None
    labels = [(_label(column, key), value) for key, value in selection.figures_by(column)]
    if len(labels) > most:  # the rest is one bar, so that the bars still sum to the figure
        if chart == "line":
            labels = [(_("before"), _sum(labels[: 1 - most])), *labels[1 - most :]]
        else:
            labels = [*labels[: most - 1], (_("others"), _sum(labels[most - 1 :]))]
    return column.label, labels


def _sum(labels: list[tuple[str, Decimal]]) -> Decimal:
    return sum((value for _label, value in labels), Decimal(0))


def _dimension(selection: Selection, chart: str) -> Column | None:
    permitted = selection.dataset.permitted(selection.scope)
    dates = [column for column in permitted if column.kind in {Kind.DATE, Kind.MONTH} and not column.compute]
    # What a filter holds at one value would be one bar.
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
