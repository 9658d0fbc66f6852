"""The figure and the first rows of a selection, for mails: what one reader may see of it when the mail is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.scope import Scope
from partner_portal.formats.cells import cell_text, figure_text
from partner_portal.formats.numbers import whole
from partner_portal.lib.mail import Row, Table
from partner_portal.lib.rows.datasets import ALIAS, Column, Kind, Selection
from partner_portal.lib.rows.datasets import Row as DatasetRow
from partner_portal.lib.web.one_line import one_line
from reports.definitions import reopen

MOST_ROWS = 10
MOST_COLUMNS = 4  # so many can be read on a phone
NUMERIC = frozenset({Kind.POINTS, Kind.MONEY, Kind.COUNT, Kind.RATIO, Kind.RATE})


@dataclass(frozen=True, slots=True)
class FirstRows:
    """What a mail shows of a selection."""

    #: `−51 points`, `EUR 770.00`, `1,184 clients`.
    figure: str
    #: What the figure is made of: `from 10 entries of 8 clients`; "" where it is the number of rows.
    figure_text: str
    #: None when there are no rows.
    table: Table | None


def first_rows(scope: Scope, dataset: str, params: Mapping[str, str], columns: Sequence[str]) -> FirstRows | None:
    """The figure and first rows of a stored definition under this scope.

    None when the scope may not see them, or when something that narrows them is not there for it, such as somebody's own
    list: it would otherwise show more than was asked for. A constant number of queries. Raises KeyError when the dataset no
    longer exists.
    """
    try:
        opened = reopen(scope, dataset, params, columns)
    except PermissionDenied:
        return None
    if opened.notices:
        return None
    selection = opened.selection
    figure, made_of = _figure(selection)
    return FirstRows(figure, made_of, _table(selection) if selection.count else None)


def _figure(selection: Selection[Scope]) -> tuple[str, str]:
    dataset = selection.dataset
    rows = f"{whole(selection.count)} {selection.unit}"
    if not dataset.figure or dataset.column(dataset.figure) not in dataset.permitted(selection.scope):
        return rows, ""
    value = selection.signed_figure
    text = figure_text(
        selection.figure_kind, value, selection.figure_currency, signed=selection.params.get("period") is not None
    )
    if selection.figure_kind == Kind.POINTS:
        text = ngettext("%(count)s point", "%(count)s points", int(abs(value) != 1) + 1) % {"count": text}
    made_of = _("from %(rows)s") % {"rows": rows}
    clients = selection.totals["clients"]
    if dataset.client and dataset.client != dataset.row:
        of_clients = ngettext("of %(number)s client", "of %(number)s clients", clients) % {"number": whole(clients)}
        made_of = f"{made_of} {of_clients}"
    return text, made_of


def _table(selection: Selection[Scope]) -> Table:
    shown, below = _columns(selection)
    named = {column.currency for column in shown if column.currency}
    permitted = {column.name: column for column in selection.dataset.permitted(selection.scope)}
    beside = [permitted[name] for name in named if name in permitted]
    rows = selection.between([*shown, *below, *beside], 0, MOST_ROWS)
    rest = selection.count - len(rows)
    return Table(
        [_row(selection, row, shown, below) for row in rows],
        head=[str(column.label) for column in shown],
        numeric=[number for number, column in enumerate(shown) if column.kind in NUMERIC],
        note=ngettext("and %(number)s more row", "and %(number)s more rows", rest) % {"number": whole(rest)}
        if rest
        else "",
    )


def _columns(selection: Selection[Scope]) -> tuple[list[Column], list[Column]]:
    """The columns that fit, the figure's among them, and those whose sentences are written below the first."""
    names = {column.name for column in selection.columns}
    own = [column for column in selection.columns if not column.compute and column.under not in names]
    below = [column for column in selection.columns if column.compute]
    if not own:
        return below[:1], below[1:]
    wanted = {column.name for column in own[:MOST_COLUMNS]}
    if selection.dataset.figure in names - wanted:
        wanted = {column.name for column in own[: MOST_COLUMNS - 1]} | {selection.dataset.figure}
    return [column for column in own if column.name in wanted], below


def _row(selection: Selection[Scope], row: DatasetRow, shown: Sequence[Column], below: Sequence[Column]) -> Row:
    values = selection.cells(row, shown)
    cells = [
        one_line(cell_text(column, value, row.get(ALIAS + column.currency) or "" if column.currency else ""))
        for column, value in zip(shown, values, strict=True)
    ]
    return Row(cells, one_line(" ".join(filter(None, map(str, selection.cells(row, below))))))
