"""Datasets as JSON: their description, parsing a query string, and a page of rows, from the selection of pages and files.

Pages ignore an invalid parameter with a remark, which a program would not read. Here it raises InvalidQueryError.
An empty value counts as none, since the addresses of pages have some.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.scope import Scope
from dashboard.figures import money_figure, points_figure
from ledger.forms import RangeForm
from partner_portal.lib.dates.ranges import PRESETS
from partner_portal.lib.rounding import half_even
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Selection, select

PAGING = ("page", "page_size")
DEFAULT_PAGE_SIZE = 100
MOST_ROWS = 1000  # on a page
RATE_DECIMALS = 8
LONGEST_SEARCH = 200  # characters that `select` reads


class InvalidQueryError(Exception):
    """A query string that cannot be answered. `problems`: a sentence for each fault."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class NoSuchPageError(Exception):
    """A page number beyond the last page."""


# Description


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a dataset."""

    name: str
    meaning: str
    kind: str  # text, date, month or count
    choices: Mapping[str, str]  # value -> its meaning; {} takes any value of the kind


def parameters(dataset: Dataset, scope: Scope) -> list[Parameter]:
    """The dataset's own parameters, besides paging, sorting, searching and columns, which all datasets have."""
    form = dataset.form({}, scope=scope)
    form.is_valid()
    parameters = []
    if isinstance(form, RangeForm):
        prefix, usual = form.range_prefix, form.chosen.preset
        presets = {key: str(preset.label) for key, preset in PRESETS.items()}
        presets |= {key: label for key, (label, _period) in form.presets().items()}
        meaning = _("A named range of days; %(usual)s without one") % {"usual": usual}
        parameters.append(Parameter(f"{prefix}range", meaning, "text", presets))
        parameters.append(
            Parameter(
                f"{prefix}from", _("The first day, instead of a named range; from 1900-01-01 to 2199-12-31"), "date", {}
            )
        )
        parameters.append(Parameter(f"{prefix}to", _("The last day, included; no earlier than the first"), "date", {}))
    if form.day is not None:
        parameters.append(
            Parameter(
                "on",
                _("The day it is seen from, no later than today: a day ahead is refused. Today without one"),
                "date",
                {},
            )
        )
    parameters += [_parameter(name, field) for name, field in form.fields.items()]
    if dataset.client:
        parameters.append(Parameter("list", _("The key of a list of clients: only their rows"), "text", {}))
    return parameters


def _parameter(name: str, field: forms.Field) -> Parameter:
    given: Any = field.choices if isinstance(field, forms.ChoiceField) else ()
    choices = {str(value): str(label) for value, label in given if value not in ("", None)}
    kind = "month" if name == "month" else "count" if isinstance(field, forms.IntegerField) else "text"
    return Parameter(name, str(field.label or name.replace("_", " ").capitalize()), kind, choices)


def description(dataset: Dataset, scope: Scope) -> dict[str, object]:
    """A dataset with its parameters and the columns that this scope may see."""
    return {
        "key": dataset.key,
        "title": str(dataset.title),
        "unit": str(dataset.unit[1]),
        "figure": dataset.figure or None,
        "sort": dataset.order[0],
        "search": searchable(dataset, scope),
        "columns": [_column(column) for column in dataset.permitted(scope)],
        "parameters": [asdict(parameter) for parameter in parameters(dataset, scope)],
    }


def searchable(dataset: Dataset, scope: Scope) -> list[str]:
    """The names of the columns that a search covers."""
    return [name for name in dataset.search if dataset.column(name) in dataset.permitted(scope)]


def _column(column: Column) -> dict[str, object]:
    money = column.kind == Kind.MONEY
    return {
        "name": column.name,
        "label": str(column.label),
        "kind": column.kind.value,
        "usual": column.default,
        "total": column.total,
        "sorts": column.compute is None,
        "choices": {str(value): str(label) for value, label in (column.choices or {}).items() if value != ""},
        "currency": "USD" if money and not column.currency else None,
        "currency_column": column.currency if money and column.currency else None,
    }


# Query string


def selection_of(dataset: Dataset, scope: Scope, query: QueryDict) -> Selection[Scope]:
    """Parse a query string into a selection.

    Raises InvalidQueryError for a name or value that pages would ignore, and PermissionDenied for a dataset that the scope may
    not read.
    """
    problems = _repeated(query)
    if problems:
        raise InvalidQueryError(*problems)
    data = {name: str(query[name]) for name in query if name not in (*PAGING, "columns")}
    selection = select(dataset, scope, data)
    problems = [*selection.problems, *_ignored(selection, data)]
    columns = [name for name in query.get("columns", "").split(",") if name]
    permitted = {column.name for column in dataset.permitted(scope)}
    problems += [_("There is no column “%(name)s”.") % {"name": name[:40]} for name in columns if name not in permitted]
    if len(columns) != len(set(columns)):
        problems.append(_("A column is named twice."))
    if problems:
        raise InvalidQueryError(*problems)
    return _with_currencies(selection.with_columns(columns) if columns else selection)


def check_names(query: QueryDict, known: Collection[str]) -> None:
    """Raise InvalidQueryError for parameters that are unknown or repeated."""
    problems = _repeated(query)
    problems += [_("There is no parameter “%(name)s”.") % {"name": name[:40]} for name in query if name not in known]
    if problems:
        raise InvalidQueryError(*problems)


def _repeated(query: QueryDict) -> list[str]:
    return [
        _("“%(name)s” is given more than once.") % {"name": name[:40]}
        for name, values in query.lists()
        if len(values) > 1
    ]


def _ignored(selection: Selection[Scope], data: Mapping[str, str]) -> list[str]:
    """Problems of parameters that had no effect: unknown names, and values that the form did not accept."""
    own = {parameter.name for parameter in parameters(selection.dataset, selection.scope)}
    problems = []
    for name, value in data.items():
        if name == "q":
            if value.strip() and not selection.dataset.search:
                problems.append(_("These rows cannot be searched."))
            if len(value) > LONGEST_SEARCH:
                problems.append(_("A search has %(most)d letters at most.") % {"most": LONGEST_SEARCH})
        elif name != "sort" and name not in own:
            problems.append(_("There is no parameter “%(name)s”.") % {"name": name[:40]})
        elif (
            name not in ("sort", "on", "list")
            and value.strip()
            and name not in selection.query
            and not selection.problems
        ):
            problems.append(_("“%(value)s” cannot be used as “%(name)s” here.") % {"value": value[:40], "name": name})
    return problems


def _with_currencies(selection: Selection[Scope]) -> Selection[Scope]:
    """Add the currency column of every selected amount."""
    names = [column.name for column in selection.columns]
    missing = {column.currency for column in selection.columns if column.currency} - set(names)
    return selection.with_columns([*names, *sorted(missing)]) if missing else selection


# Rows


def page_of_rows(selection: Selection[Scope], page: int, page_size: int, address: str) -> dict[str, object]:
    """A page of the rows with the totals of all rows. Raises NoSuchPageError. address: of the operation, for the links."""
    count = selection.count
    pages = max(1, -(-count // page_size))
    if page > pages:
        raise NoSuchPageError(_("There are only %(pages)d pages.") % {"pages": pages})
    start = (page - 1) * page_size
    rows = selection.between(selection.columns, start, start + page_size)
    size = {} if page_size == DEFAULT_PAGE_SIZE else {"page_size": str(page_size)}

    def link(number: int) -> str | None:
        if not 1 <= number <= pages:
            return None
        return f"{address}?{_query(selection, page=str(number), **size)}"

    period = selection.params.get("period")
    return {
        "dataset": selection.dataset.key,
        "title": str(selection.dataset.title),
        "from": period.first.isoformat() if period else None,
        "to": period.last.isoformat() if period else None,
        "narrowed_by": selection.filter_texts,
        "valued_by": selection.valued,
        "sort": selection.sort,
        "columns": [_column(column) for column in selection.columns],
        "count": count,
        "page": page,
        "pages": pages,
        "page_size": page_size,
        "previous": link(page - 1),
        "next": link(page + 1),
        "totals": _totals(selection),
        "rows": [_row(selection, row) for row in rows],
    }


def _query(selection: Selection[Scope], **changes: str) -> str:
    names = [column.name for column in selection.columns]
    usual = [column.name for column in _with_currencies(_usual(selection)).columns]
    if names != usual:
        changes["columns"] = ",".join(names)
    return selection.address(**changes)


def _usual(selection: Selection[Scope]) -> Selection[Scope]:
    shown = [column.name for column in selection.dataset.permitted(selection.scope) if column.default]
    return selection.with_columns(shown)


def _totals(selection: Selection[Scope]) -> dict[str, object]:
    """Sums of every summed column, selected or not, and the currency of each amount."""
    dataset, scope = selection.dataset, selection.scope
    summed = [column for column in dataset.permitted(scope) if column.total]
    currency = dataset.total_currency(scope)
    return {
        "rows": selection.count,
        "clients": selection.totals["clients"] if dataset.client else None,
        "sums": {column.name: plain(column, selection.totals[column.name]) for column in summed},
        "currencies": {
            column.name: currency if column.currency else "USD" for column in summed if column.kind == Kind.MONEY
        },
    }


def _row(selection: Selection[Scope], row: Mapping[str, Any]) -> dict[str, object]:
    return {
        column.name: plain(column, value) for column, value in zip(selection.columns, selection.cells(row), strict=True)
    }


def _rate(value: Decimal | Fraction) -> str:
    return f"{half_even(value, RATE_DECIMALS).normalize():f}"


_PLAIN: Mapping[Kind, Callable[[Any], str | int]] = {
    Kind.POINTS: points_figure,
    Kind.RATIO: points_figure,
    Kind.MONEY: money_figure,
    Kind.RATE: _rate,
    Kind.COUNT: int,
    Kind.MONTH: lambda value: f"{value:%Y-%m}",
    Kind.DATE: lambda value: value.isoformat(),
    Kind.TEXT: str,
}


def plain(column: Column, value: Decimal | Fraction | date | str | int | None) -> str | int | None:
    """A value for JSON: points and ratios as texts with 4 decimals, money with 2; days and months in ISO format."""
    return None if value is None else _PLAIN[column.kind](value)
