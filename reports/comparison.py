"""The rows of a report in the range that theirs is compared with, and their sums by what a chart shows."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from partner_portal.lib.comparison import period_before, year_before
from partner_portal.lib.datasets import Column, Kind, Selection, select
from reports.definitions import column_names, params_of


def compared(selection: Selection, comparison: str) -> Selection | None:
    """The same rows in the other period; None when nothing is compared or the rows have no range."""
    chosen = getattr(selection.form, "chosen", None)
    if not comparison or chosen is None:
        return None
    other = period_before(chosen.period, chosen.preset) if comparison == "prev" else year_before(chosen.period)
    params = params_of(selection, fixed=True) | {
        f"{chosen.prefix}from": other.first.isoformat(),
        f"{chosen.prefix}to": other.last.isoformat(),
    }
    return select(selection.dataset, selection.scope, params).with_columns(column_names(selection))


def grouped(selection: Selection, chart: str, most: int = 24) -> tuple[Any, list[tuple[str, Decimal]]] | None:
    """(what it is grouped by, [(label, figure)]) for a chart: a line by month, bars by the first column of choices.

    None when there is nothing to group by. The figures sum to the selection's figure.
    """
    column = _dimension(selection, chart)
    if not chart or column is None:
        return None
    figure = selection.dataset.figure
    plain = replace(selection, sort=column.name)
    wanted = [column] + ([selection.dataset.column(figure)] if figure else [])
    sums: dict[Any, Decimal] = {}
    rows = plain.ordered(wanted)
    source = rows.iterator(chunk_size=2000) if isinstance(rows, QuerySet) else rows
    for row in source:
        key = row[f"c_{column.name}"]
        if column.kind in {Kind.DATE, Kind.MONTH} and key is not None:
            key = key.replace(day=1)
        sums[key] = sums.get(key, Decimal(0)) + ((row[f"c_{figure}"] or Decimal(0)) if figure else 1)
    labels = [(_label(column, key), value * selection.dataset.sign) for key, value in sums.items()]
    return (column.label, labels[-most:]) if chart == "line" else (column.label, labels[:most])


def _dimension(selection: Selection, chart: str) -> Column | None:
    permitted = selection.dataset.permitted(selection.scope)
    dates = [column for column in permitted if column.kind in {Kind.DATE, Kind.MONTH} and not column.compute]
    choices = [column for column in permitted if column.choices and not column.compute]
    return next(iter(dates if chart == "line" else choices or dates), None)


def _label(column: Column, key: Any) -> str:
    if key is None:
        return "–"
    if column.kind in {Kind.DATE, Kind.MONTH}:
        return f"{key:%Y-%m}"
    return str((column.choices or {}).get(key, key))
