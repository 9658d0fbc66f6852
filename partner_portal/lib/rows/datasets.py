"""Datasets: one definition of "the rows behind a figure", read by its dialog, list, saved report, file, API and schedule.

An app declares its datasets in `datasets.py`. A `Selection` is a dataset as one request reads it: scope, parameters, search,
sort and columns, all of it readable from an address and writable to one. Figures are totals of selections, so that a number
and its rows cannot differ.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from enum import StrEnum
from functools import cached_property
from typing import Any, overload

from django.core.exceptions import PermissionDenied
from django.db.models import Aggregate, Count, F, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import TruncMonth
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from partner_portal.lib.collation import search_expression, search_key, sort_expression, sort_key
from partner_portal.lib.dates.ranges import ChosenPeriod
from partner_portal.lib.rows.forms import DatasetForm
from partner_portal.lib.rows.providers import ClientList, client_list
from partner_portal.lib.scope import OfScope, Scope

ALIAS = "c_"  # columns are annotated under this prefix, so that none collides with a field of the model
PAGE_SIZE = 25
CHUNK = 2_000  # rows of a query that are in memory at a time


# A value of a cell or of a form: whatever the database, a calculation or a field gives for it.
type Value = Any
# A row by the names of its columns or fields.
type Row = Mapping[str, Value]
# What a dataset's form makes of an address: its cleaned data, by the names of its fields.
type Params = Mapping[str, Value]
# The rows of a dataset: a query, or rows calculated in Python.
type Rows = QuerySet[Any] | Sequence[Row]
# The value of a column as a query calculates it.
type Expressed = Combinable
# The same, or a path of fields; for rows made in Python, the key in the row.
type Source = str | Expressed
# A text for people, translated when it is shown.
type Label = str | Promise


class Kind(StrEnum):
    """How a column's values are written, aligned, summed and typed in files."""

    TEXT = "text"
    POINTS = "points"  # Decimal, 4 places
    MONEY = "money"  # Decimal, 2 places, in the currency of the row's `currency` column or in points-dollars
    DATE = "date"
    MONTH = "month"  # the first day of it
    COUNT = "count"
    RATIO = "ratio"
    RATE = "rate"  # Decimal, up to 8 places: exchange rates


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a dataset."""

    name: str
    label: Label
    kind: Kind = Kind.TEXT
    #: A Django expression or field path, or for rows made in Python the key in the row; None for the column's name.
    expression: Source | None = None
    #: Whether it is shown unless other columns are chosen.
    default: bool = True
    #: Who may see it at all; "" for everybody who may see the dataset.
    permission: str = ""
    #: The labels of its values; None for values that are written as they are.
    choices: Mapping[str, Label] | None = None
    #: The name of the column with the currency of an amount; "" on a column of money means points-dollars.
    currency: str = ""
    #: Whether it is summed over all rows.
    total: bool = False
    #: Makes a text from the `needs` of a row; such a column cannot be sorted, searched or filtered.
    compute: Callable[[Row, Any], str] | None = None
    #: What `compute` gets, by name.
    needs: Mapping[str, Source] = field(default_factory=dict)
    #: The text of `compute` as an expression in the active language, for files; None when only Python makes it.
    written: OfScope[[], Expressed] | None = None
    #: The column in whose cell pages write it, on a line of its own; files have both columns.
    under: str = ""
    #: Gives the address of what a value opens in the portal, "" for nothing.
    opens: "Callable[[Row, Selection[Any]], str] | None" = None
    #: The column with the id of the client whose panel a value opens; "" for none.
    opens_client: str = ""
    #: Whether a value is written as a tag of its row, whether or not the column is shown.
    marks_row: bool = False
    #: How pages write a value; None for the format of its kind.
    markup: Callable[[Value], str] | None = None

    @property
    def source(self) -> Source:
        """The expression that gives the value."""
        return self.expression if self.expression is not None else self.name

    @property
    def key(self) -> str:
        """The key of the value in a row made in Python."""
        return row_key(self.source)

    @property
    def sorts_as_name(self) -> bool:
        """Whether its texts are sorted as people read them (`lib.collation`); the keys of choices are not."""
        return self.kind == Kind.TEXT and not self.choices


@dataclass(frozen=True, slots=True)
class Dataset:
    """What an app declares: which rows there are, and what can be done with them."""

    #: Stable, also in stored reports.
    key: str
    title: Label
    #: What one row is, singular and plural.
    unit: tuple[Label, Label]
    permission: str
    columns: tuple[Column, ...]
    #: The rows for the cleaned data of `form`.
    rows: OfScope[[Params], Rows]
    #: Must be valid for any data: a value that cannot be used falls back visibly.
    form: type[DatasetForm]
    #: The columns that rows are sorted by unless another is chosen, "-name" for descending.
    order: tuple[str, ...]
    #: The column whose total is the figure; "" for the number of rows.
    figure: str = ""
    #: The columns that are searched.
    search: tuple[str, ...] = ()
    #: The client's primary key, for links and lists; "" for rows without a client.
    client: Source = ""
    #: The row's key, for ticking.
    row: Source = "pk"
    #: -1 shows a sum of losses as the positive figure it is called.
    sign: int = 1
    #: The filters as texts, for headings and receipts.
    describe: OfScope[[Params], list[str]] = lambda scope, params: []
    #: Names the currency table by which amounts became points-dollars; for datasets that sum them.
    valued: OfScope[[Params], str] = lambda scope, params: ""
    #: The one currency of all rows of summed columns that name a currency; nothing else may be summed.
    total_currency: OfScope[[], str] = lambda scope: ""
    #: A column of points that is the sum of `parts`, so that pages write a row with decimals that add up.
    sum_of: str = ""
    parts: tuple[str, ...] = ()
    #: Label and address of what can be done with a row, given its `row_link_needs` and the scope; only on pages.
    row_link: Callable[[Row, Any], tuple[str, str] | None] | None = None
    #: The columns that `row_link` gets, by name.
    row_link_needs: tuple[str, ...] = ()
    #: Caches an answer by its key until facts or entries change; None for rows that depend on anything else.
    cached: OfScope[[tuple[Hashable, ...], Callable[[], Any]], Any] | None = None
    #: Makes the rows of these keys alone, in their order, where `rows` makes thousands in Python; needs `cached`.
    rows_of: OfScope[[Sequence[Any]], Sequence[Row]] | None = None
    #: A condition that so many rows meet that stand first in the usual order, so that a million are not sorted for a page.
    first_rows: OfScope[[Params, int], Q] | None = None

    def column(self, name: str) -> Column:
        """The column with that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def permitted(self, scope: Scope) -> tuple[Column, ...]:
        """The columns this scope may see."""
        return tuple(column for column in self.columns if not column.permission or scope.may(column.permission))


_registry: dict[str, Dataset] = {}


def register(dataset: Dataset) -> Dataset:
    """Register a dataset under its key. Raises ValueError when the key is taken."""
    if dataset.key in _registry:
        raise ValueError(f"two datasets are called {dataset.key}")
    names = [column.name for column in dataset.columns]
    if len(names) != len(set(names)):
        raise ValueError(f"{dataset.key}: two columns share a name")
    _registry[dataset.key] = dataset
    return dataset


def find(key: str) -> Dataset:
    """The dataset of that key. Raises KeyError."""
    return _registry[key]


def all_datasets() -> list[Dataset]:
    """Every dataset, by key."""
    return [_registry[key] for key in sorted(_registry)]


@dataclass(frozen=True)
class Selection[S: Scope = Scope]:
    """A dataset with everything that decides its rows, their order and their columns. Build it with `select`."""

    dataset: Dataset
    scope: S
    form: DatasetForm
    params: Params
    query: Mapping[str, str]  # the parameters that name these `params` again
    search: str
    sort: str
    columns: tuple[Column, ...]
    usual: tuple[Column, ...]  # the columns unless others are chosen; the first one names a row and is always shown
    problems: tuple[str, ...] = ()
    clients: ClientList | None = None

    @cached_property
    def rows(self) -> Rows:
        """All rows that match, unsorted, without their columns."""
        rows = self._listed(self.dataset.rows(self.scope, self.params))
        if not self.search:
            return rows
        columns = [self.dataset.column(name) for name in self.dataset.search]
        if isinstance(rows, QuerySet):
            match = Q()
            for column in columns:
                match |= Q(**{f"{ALIAS}{column.name}__contains": search_key(self.search)})
            keys = {ALIAS + column.name: search_expression(rows.model, column.source) for column in columns}
            matches: Rows = rows.alias(**keys).filter(match)
            return matches
        needle = search_key(self.search)
        return [row for row in rows if any(needle in search_key(str(row.get(c.key, ""))) for c in columns)]

    def _listed(self, rows: Rows) -> Rows:
        """Only the rows of the clients of the chosen list."""
        if self.clients is None:
            return rows
        if isinstance(rows, QuerySet):
            name = f"{ALIAS}_listed"
            listed: Rows = rows.alias(**{name: as_expression(self.dataset.client)}).filter(
                **{f"{name}__in": self.clients.clients}
            )
            return listed
        keys = set(self.clients.clients)
        return [row for row in rows if row[row_key(self.dataset.client)] in keys]

    @property
    def filter_texts(self) -> list[str]:
        """One text for everything that narrows these rows, other than the range of days."""
        texts = list(self.dataset.describe(self.scope, self.params))
        if self.clients:
            texts.append(_("Clients of the list “%(name)s”") % {"name": self.clients.name})
        if self.search:
            texts.append(_("Search: “%(text)s”") % {"text": self.search})
        return texts

    @property
    def valued(self) -> str:
        """A text that names the currency table by which amounts became points-dollars; "" where this scope sees none."""
        permitted = self.dataset.permitted(self.scope)
        shown = any(column.kind == Kind.MONEY and not column.currency for column in permitted)
        return self.dataset.valued(self.scope, self.params) if shown else ""

    @cached_property
    def totals(self) -> Row:
        """`rows` and `clients` (numbers), and the sum of every permitted column with a total; at most one query."""
        summed = [column for column in self.dataset.permitted(self.scope) if column.total]
        if self.search:
            return self._totals(summed)
        totals: Row = self._cached("totals", *(column.name for column in summed), make=lambda: self._totals(summed))
        return totals

    @property
    def stable(self) -> bool:
        """Whether nothing but facts, entries and settings decides these rows: no saved list of clients, for one."""
        return self.dataset.cached is not None and self.clients is None

    def _cached(self, *key: Hashable, make: Callable[[], Any]) -> Any:
        """`make()`, or its earlier answer for these parameters while nothing has changed that these rows depend on."""
        if self.dataset.cached is None or not self.stable:
            return make()
        params = tuple(sorted((name, repr(value)) for name, value in self.params.items()))
        return self.dataset.cached(self.scope, (self.dataset.key, params, *key), make)

    def _totals(self, summed: Sequence[Column]) -> Row:
        if isinstance(self.rows, QuerySet):
            aggregates: dict[str, Aggregate] = {f"sum_{column.name}": Sum(_expression(column)) for column in summed}
            aggregates["rows"] = Count("*")
            if self.dataset.client:
                aggregates["clients"] = Count(self.dataset.client, distinct=True)
            totals = self.rows.aggregate(**aggregates)
        else:
            with localcontext(prec=80):  # as exact as the database sums
                totals = {
                    f"sum_{c.name}": sum((row[c.key] for row in self.rows if row[c.key] is not None), Decimal(0))
                    for c in summed
                }
            totals["rows"] = len(self.rows)
            if self.dataset.client:
                totals["clients"] = len({row[row_key(self.dataset.client)] for row in self.rows})
        result = {column.name: totals[f"sum_{column.name}"] or Decimal(0) for column in summed}
        return result | {"rows": totals["rows"], "clients": totals.get("clients", 0)}

    @property
    def chosen(self) -> ChosenPeriod:
        """The range of days that was asked for. Raises ValueError for a dataset without one."""
        if self.form.chosen is None:
            raise ValueError(f"{self.dataset.key} has no range of days")
        return self.form.chosen

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.totals["rows"])

    @property
    def figure(self) -> Decimal | int:
        """The figure these rows stand behind, with the sign people call it by."""
        value = self.totals[self.dataset.figure] if self.dataset.figure else self.count
        return value * self.dataset.sign

    @property
    def signed_figure(self) -> Decimal | int:
        """The sum as its rows have it: losses below zero."""
        return self.figure * self.dataset.sign

    @property
    def figure_kind(self) -> str:
        """The kind of the figure's column, or `count` when the figure is the number of rows."""
        return self.dataset.column(self.dataset.figure).kind if self.dataset.figure else Kind.COUNT

    @property
    def figure_currency(self) -> str:
        """The currency of a figure of money; "" for points-dollars."""
        column = self.dataset.column(self.dataset.figure) if self.dataset.figure else None
        return self.dataset.total_currency(self.scope) if column and column.currency else ""

    @property
    def unit(self) -> Label:
        """What the rows are, in the number there are."""
        return self.dataset.unit[0 if self.count == 1 else 1]

    def figures_by(self, column: Column) -> list[tuple[Value, Decimal]]:
        """The figure by the values of a column, in their order and the unknown last; dates by the first day of their month.

        They sum to the figure. One query.
        """
        by_month = column.kind in {Kind.DATE, Kind.MONTH}
        figure = self.dataset.column(self.dataset.figure) if self.dataset.figure else None
        sums: dict[Value, Decimal] = {}
        if isinstance(self.rows, QuerySet):
            key = _expression(column)
            keys = self.rows.order_by().values(**{f"{ALIAS}_key": TruncMonth(key) if by_month else key})
            total = Sum(_expression(figure)) if figure else Count("*")
            rows = keys.annotate(**{f"{ALIAS}_total": total}).order_by(F(f"{ALIAS}_key").asc(nulls_last=True))
            sums = {row[f"{ALIAS}_key"]: row[f"{ALIAS}_total"] or Decimal(0) for row in rows}
        else:
            for row in self._ordered_in_python([column, *([figure] if figure else [])], column, descending=False):
                value = row[ALIAS + column.name]
                value = value.replace(day=1) if by_month and value is not None else value
                sums[value] = sums.get(value, Decimal(0)) + ((row[ALIAS + figure.name] or 0) if figure else 1)
        return [(value, Decimal(total) * self.dataset.sign) for value, total in sums.items()]

    def ordered(self, columns: Iterable[Column] | None = None) -> Rows:
        """Rows in order with the columns' values under their names prefixed by ALIAS, plus c__row and c__client."""
        columns = self.columns if columns is None else tuple(columns)
        sort = self.sort.lstrip("-")
        descending = self.sort.startswith("-")
        key = self.dataset.column(sort)
        if not isinstance(self.rows, QuerySet):
            return self._ordered_in_python(columns, key, descending)
        values: dict[str, Expressed] = {
            ALIAS + column.name: _expression(column) for column in columns if not column.compute
        }
        for column in columns:
            values |= {ALIAS + name: as_expression(expression) for name, expression in column.needs.items()}
        values[ALIAS + key.name] = _expression(key)
        values[ALIAS + "_row"] = as_expression(self.dataset.row)
        if self.dataset.client:
            values[ALIAS + "_client"] = as_expression(self.dataset.client)
        keys = [F(ALIAS + key.name)]
        if key.sorts_as_name:  # names that differ in accents or capitals alone go by code point
            values[ALIAS + "_sort"] = sort_expression(self.rows.model, key.source)
            keys.insert(0, F(ALIAS + "_sort"))
        orders = [field.desc(nulls_last=True) if descending else field.asc(nulls_last=True) for field in keys]
        return self.rows.order_by().values(**values).order_by(*orders, F(ALIAS + "_row").asc())

    def between(self, columns: Iterable[Column], first: int, last: int) -> Sequence[Row]:
        """The rows `ordered` gives from number `first` (0 for the first) up to `last`.

        The database orders their keys alone, which indexes hold, and looks up the rest for the rows of the page. Rows made
        in Python are ordered once, and those of the page made again.
        """
        if self.dataset.rows_of is not None and self.clients is None:
            keys = self._cached("order", self.search, self.sort, get_language(), make=self._keys)[first:last]
            if "rows" not in vars(self):  # else all of them have just been made
                key = self.dataset.column(self.sort.lstrip("-"))
                return _Renamed(self.dataset.rows_of(self.scope, keys), self._names(columns, key))
        rows = self.ordered(columns)
        if not isinstance(rows, QuerySet) or self.dataset.row != "pk":
            return list(rows[first:last])
        ordered: Any = self.ordered(())
        if self.dataset.first_rows and self.sort == self.dataset.order[0] and not self.search and self.clients is None:
            ordered = ordered.filter(self.dataset.first_rows(self.scope, self.params, last))
        return list(rows.filter(pk__in=ordered.values(f"{ALIAS}_row")[first:last]))

    def _keys(self) -> list[Value]:
        return [row[f"{ALIAS}_row"] for row in self.ordered(())]

    def _ordered_in_python(self, columns: Iterable[Column], key: Column, descending: bool) -> Sequence[Row]:
        known = [row for row in self.rows if row[key.key] is not None]
        unknown = [row for row in self.rows if row[key.key] is None]
        known.sort(key=lambda row: _sortable(key, row[key.key]), reverse=descending)
        return _Renamed(known + unknown, self._names(columns, key))

    def _names(self, columns: Iterable[Column], key: Column) -> Mapping[str, str]:
        """The keys of rows made in Python by the names that `ordered` gives their values."""
        extra = {"_row": row_key(self.dataset.row)} | (
            {"_client": row_key(self.dataset.client)} if self.dataset.client else {}
        )
        names = {column.name: column.key for column in columns if not column.compute} | extra | {key.name: key.key}
        for column in columns:
            names |= {name: row_key(source) for name, source in column.needs.items()}
        return {ALIAS + name: source for name, source in names.items()}

    def cells(self, row: Row, columns: Iterable[Column] | None = None) -> list[Value]:
        """A row's values in the order of the columns; computed ones are computed here."""
        return [
            column.compute({name: row[ALIAS + name] for name in column.needs}, self.scope)
            if column.compute
            else row[ALIAS + column.name]
            for column in (self.columns if columns is None else columns)
        ]

    def iterate(self, columns: Iterable[Column] | None = None) -> Iterator[list[Value]]:
        """All rows in order, as lists of values, without holding them all in memory where a query gives them."""
        columns = self.columns if columns is None else tuple(columns)
        rows = self.ordered(columns)
        source = rows.iterator(chunk_size=CHUNK) if isinstance(rows, QuerySet) else rows
        for row in source:
            yield self.cells(row, columns)

    def address(self, **changes: str | None) -> str:
        """The query string of this selection with changes; None takes a parameter away. Pages start again."""
        query = QueryDict(mutable=True)
        query.update(dict(self.query))
        if self.search:
            query["q"] = self.search
        if self.sort != self.dataset.order[0]:
            query["sort"] = self.sort
        for name, value in changes.items():
            query.pop(name, None)
            if value not in (None, ""):
                query[name] = str(value)
        return query.urlencode()

    @property
    def shown(self) -> str | None:
        """The columns as a parameter of addresses; None where they are those of the dataset."""
        names = [column.name for column in self.columns]
        return ",".join(names) if names != [column.name for column in _usual(self.dataset, self.scope)] else None

    def written(self, column: Column) -> Column:
        """The column as files read it: the database makes a computed text where it can."""
        if column.written is None or not isinstance(self.rows, QuerySet):
            return column
        return replace(column, compute=None, needs={}, expression=column.written(self.scope))

    def with_columns(self, names: Sequence[str]) -> "Selection[S]":
        """The same rows with other columns, in this order; names that are unknown or not permitted are left out."""
        permitted = {column.name: column for column in self.dataset.permitted(self.scope)}
        chosen = tuple(permitted[name] for name in dict.fromkeys(names) if name in permitted)
        return replace(self, columns=chosen) if chosen else self

    def usually(self, names: Sequence[str]) -> "Selection[S]":
        """The same rows on a page that shows these columns, as far as they are permitted, unless others are chosen."""
        selection = self.with_columns(names)
        return replace(selection, usual=selection.columns)

    def as_chosen(self, names: Sequence[str]) -> "Selection[S]":
        """The same rows with the columns that a reader chose: those that still exist and are permitted, else the usual ones."""
        known = {column.name for column in self.dataset.permitted(self.scope)}
        if known.isdisjoint(names):
            return self
        return self.with_columns([self.usual[0].name, *names])


def select[S: Scope](dataset: Dataset | str, scope: S, data: Params | None = None) -> Selection[S]:
    """Read a selection from an address's parameters (or a stored report's).

    Raises PermissionDenied when the scope may not see the dataset. An unknown sort or column falls back with a sentence in
    `problems`, among those of the form.
    """
    chosen = find(dataset) if isinstance(dataset, str) else dataset
    if not scope.may(chosen.permission):
        raise PermissionDenied(chosen.permission)
    values = {} if data is None else {key: data[key] for key in data}
    form = chosen.form(values, scope=scope)
    form.is_valid()
    problems = list(form.problems)
    permitted = chosen.permitted(scope)
    query = dict(form.query)
    clients = None
    if chosen.client and values.get("list"):
        clients = client_list(scope, str(values["list"]))
        if clients is None:
            problems.append(_("That list is gone, so all clients are shown."))
        else:
            query["list"] = clients.key
    sort = str(values.get("sort", "")) or chosen.order[0]
    sortable = {column.name for column in permitted if not column.compute}
    if sort.lstrip("-") not in sortable:
        problems.append(
            _("There is no column “%(name)s” to sort by; sorted as usual.") % {"name": sort.lstrip("-")[:40]}
        )
        sort = chosen.order[0]
    return Selection(
        dataset=chosen,
        scope=scope,
        form=form,
        params=form.cleaned_data,
        query=query,
        search=str(values.get("q", "")).replace("\0", "").strip()[:200] if chosen.search else "",
        sort=sort,
        columns=_usual(chosen, scope),
        usual=_usual(chosen, scope),
        problems=tuple(problems),
        clients=clients,
    )


def _usual(dataset: Dataset, scope: Scope) -> tuple[Column, ...]:
    return tuple(column for column in dataset.permitted(scope) if column.default)


def row_key(source: Source) -> str:
    """Return the key that a source names in rows made in Python. Raises TypeError for an expression."""
    if not isinstance(source, str):
        raise TypeError(f"{source} is no key of a row made in Python")
    return source


def as_expression(source: Source) -> Expressed:
    """A field path or an expression as an expression."""
    return F(source) if isinstance(source, str) else source


def _expression(column: Column) -> Expressed:
    return as_expression(column.source)


class _Renamed(Sequence[Row]):
    """Rows with their values under other names, made when they are read: a page shows 25 of thousands."""

    def __init__(self, rows: Sequence[Row], names: Mapping[str, str]) -> None:
        self._rows = rows
        self._names = names

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return _Renamed(self._rows[index], self._names)
        row = self._rows[index]
        return {name: row[source] for name, source in self._names.items()}


def _sortable(column: Column, value: Value) -> Value:
    return (sort_key(value), value) if column.sorts_as_name and isinstance(value, str) else value
