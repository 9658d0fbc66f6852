"""The rows behind a figure, as a page and as the body of the dialog: one view step and one template for every dataset.

    selection = select("changes-lost-sold", request.scope, request.GET)
    return drilldown(request, selection, back=Link(_("Dashboard"), address))

Parts that htmx may ask for: `dialog` (everything inside the dialog), and `dialog-rows` or `page-rows` after a search, filter,
sort or page; the figure comes along out of band, since it follows the filters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import ALIAS, PAGE_SIZE, Column, Kind, Label, Row, Selection, Value
from partner_portal.lib.rows.providers import client_address, list_choices
from partner_portal.lib.rows.row_actions import ActionLink, actions_for
from partner_portal.lib.rows.sorting_text import sorting_text
from partner_portal.lib.shown_places import adding_places, close_places
from partner_portal.lib.web.htmx import page_or_part, part_of
from partner_portal.lib.web.range_control import RangeControl

PARTS = ("dialog", "dialog-rows", "page-rows")
TEMPLATE = "drilldown/drilldown.html"


def shown_with_rows(request: Any) -> object:
    """What a page of rows shows besides facts, for `lib.web.view_rules.kept_by_browsers`: the lists that narrow them."""
    return list_choices(request.scope)


@dataclass(frozen=True, slots=True)
class Link:
    """A link and its text."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Empty:
    """Why there are no rows, and a link to where there are some."""

    title: str
    text: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's head."""

    column: Column
    #: The address that sorts by the column; "" when it cannot.
    sort: str
    #: The value of `aria-sort`; "" when rows are not sorted by it.
    direction: str

    @property
    def numeric(self) -> bool:
        """Whether the column's values stand at the right."""
        return self.column.kind in NUMERIC

    @property
    def computed(self) -> bool:
        """Whether the column holds sentences made from the row."""
        return self.column.compute is not None


@dataclass(frozen=True, slots=True)
class Cell:
    """A value under its column."""

    column: Column
    value: Value
    #: Of the row, for money.
    currency: str = ""
    #: The value written below it.
    sub: "Cell | None" = None
    #: What the value opens; "" for nothing.
    address: str = ""
    #: The decimals of points with which the row adds up; None for its own.
    adding: int | None = None

    @property
    def numeric(self) -> bool:
        """Whether the value stands at the right."""
        return self.column.kind in NUMERIC

    @property
    def places(self) -> int:
        """The decimals that points are shown with."""
        return close_places(self.value or 0) if self.adding is None else self.adding

    @property
    def computed(self) -> bool:
        """Whether the value is a sentence made from the row."""
        return self.column.compute is not None

    @property
    def label(self) -> object:
        """What a choice is called."""
        return (self.column.choices or {}).get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class Total:
    """The foot of a column."""

    column: Column
    #: None where the column is not summed.
    cell: Cell | None

    @property
    def computed(self) -> bool:
        """Whether the column holds sentences made from the row."""
        return self.column.compute is not None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of the table."""

    cells: tuple[Cell, ...]
    #: A tag, such as that it is half of a correction; "" for none.
    mark: Label
    #: Names the row when it is ticked.
    key: Value
    #: What can be done with this row alone.
    link: Link | None = None

    @property
    def sentences(self) -> list[str]:
        """The sentences made from the row, shown below its name where their column has no room."""
        return [cell.value for cell in self.cells if cell.computed and cell.value]


NUMERIC = frozenset({Kind.POINTS, Kind.MONEY, Kind.COUNT, Kind.RATIO, Kind.RATE})


class Drilldown:
    """What the template shows of a selection."""

    def __init__(
        self,
        path: str,
        selection: Selection,
        page: str,
        *,
        back: Link,
        when_empty: Callable[[], Empty | None],
        in_dialog: bool,
        size: int = PAGE_SIZE,
        own_columns: bool = False,
    ) -> None:
        """own_columns: whether the columns are those of a stored definition, which readers do not choose."""
        self.path = path
        self.selection = selection
        self.place = "dialog" if in_dialog else "page"
        names = {column.name for column in selection.columns}
        self.columns = tuple(column for column in selection.columns if column.under not in names)
        self._below = tuple(column for column in selection.columns if column.under in names)
        self.back = back
        self.size = size
        self.own_columns = own_columns
        self._page = page
        self._when_empty = when_empty

    @property
    def title(self) -> Label:
        """What the figure is called."""
        return self.selection.dataset.title

    @property
    def address(self) -> str:
        """The page that shows this selection again."""
        return self._with()

    @property
    def unit(self) -> Label:
        """What the rows are, in the number there are."""
        return self.selection.unit

    @property
    def has_points(self) -> bool:
        """Whether a column shown holds points."""
        return any(column.kind == Kind.POINTS for column in self.selection.columns)

    @property
    def has_clients(self) -> bool:
        """Whether rows belong to clients, without each being one of them."""
        dataset = self.selection.dataset
        return bool(dataset.client) and dataset.client != dataset.row and dataset.unit[1] != _("clients")

    @property
    def period(self) -> Period | None:
        """The range of days; None for a dataset without one."""
        return self.selection.params.get("period")

    @cached_property
    def _offered(self) -> list[ActionLink]:
        return actions_for(self.selection)

    @property
    def actions(self) -> list[ActionLink]:
        """What the reader may do with these rows."""
        return [action for action in self._offered if not action.chooses_columns]

    @property
    def choice(self) -> ActionLink | None:
        """Where the reader chooses the columns; None where they are not the reader's."""
        return None if self.own_columns else next((action for action in self._offered if action.chooses_columns), None)

    @property
    def sorted_by(self) -> str:
        """The column that the rows are sorted by, as a text, where it is not shown; otherwise ""."""
        name = self.selection.sort.lstrip("-")
        return "" if any(column.name == name for column in self.selection.columns) else sorting_text(self.selection)

    @cached_property
    def tick_address(self) -> str:
        """The form of the action that takes single rows; "" where none does."""
        return next((action.address for action in self.actions if action.takes_ticks), "")

    @property
    def can_tick(self) -> bool:
        """Whether single rows can be chosen."""
        return bool(self.tick_address)

    @property
    def searched(self) -> str:
        """The names of the usual columns that are searched, as a text. All of them are, whichever are shown."""
        searched = self.selection.dataset.search
        labels = [str(column.label).lower() for column in self.selection.usual if column.name in searched]
        return get_text_list(labels, _("or"))

    @cached_property
    def filters(self) -> list[forms.BoundField]:
        """The choices of the form."""
        form = self.selection.form
        return [form[name] for name, field in form.fields.items() if isinstance(field, forms.ChoiceField)]

    @cached_property
    def lists(self) -> list[tuple[str, str]]:
        """The saved lists of clients that the rows can be narrowed to: (key, name)."""
        return list_choices(self.selection.scope) if self.selection.dataset.client else []

    @property
    def hidden_parameters(self) -> dict[str, str]:
        """The parameters that the filter form sends in hidden fields."""
        shown = {field.name for field in self.filters} | {"list"}
        hidden = {name: value for name, value in self.selection.query.items() if name not in shown}
        if self.selection.sort != self.selection.dataset.order[0]:
            hidden["sort"] = self.selection.sort
        return hidden

    @property
    def narrowed(self) -> bool:
        """Whether a search or a filter leaves rows out."""
        chosen = self.selection.query
        return bool(self.selection.search or self.selection.clients) or any(
            chosen.get(field.name) for field in self.filters
        )

    @property
    def widened(self) -> str:
        """The address without search and filters."""
        return self._with(q=None, list=None, **{field.name: None for field in self.filters})

    @cached_property
    def headings(self) -> list[Heading]:
        """The columns shown."""
        return [self._heading(column) for column in self.columns]

    @cached_property
    def page(self) -> Page:
        """The page asked for, without its rows; a page that does not exist is the nearest that does."""
        numbers: Any = range(self.selection.count)  # known from the totals; rows are not counted again
        return Paginator(numbers, self.size).get_page(self._page)

    @cached_property
    def rows(self) -> list[TableRow]:
        """The rows of the page."""
        selection = self.selection
        needed = [column for column in selection.dataset.permitted(selection.scope) if self._is_needed(column)]
        return [self._row(row) for row in self._fetched(needed)]

    def _fetched(self, columns: Sequence[Column]) -> Sequence[Row]:
        """The rows of the page, as the selection gives them."""
        last = self.page.number * self.size
        return self.selection.between(columns, last - self.size, last)

    @property
    def pages(self) -> Iterator[Link]:
        """Links to the pages; gaps have no address."""
        page = self.page
        for number in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1):
            yield Link(str(number), self.at(number) if isinstance(number, int) else "")

    def at(self, number: int) -> str:
        """The address of a page."""
        return self._with(page=str(number) if number > 1 else None)

    @property
    def shown_page(self) -> str:
        """The address of the page shown."""
        return self.at(self.page.number)

    @property
    def previous(self) -> str:
        """The address of the page before, or ""."""
        return self.at(self.page.previous_page_number()) if self.page.has_previous() else ""

    @property
    def next(self) -> str:
        """The address of the page after, or ""."""
        return self.at(self.page.next_page_number()) if self.page.has_next() else ""

    @property
    def first_total(self) -> Cell | None:
        """The sum of the first column, which stands in the head of the total row; None where that column is not summed."""
        return self._total(self.columns[0])

    @cached_property
    def totals(self) -> list[Total]:
        """The total row behind its head."""
        cells = [self._total(column) for column in self.columns]
        adding = self._adding({cell.column.name: cell.value for cell in cells if cell})
        totals = [
            Total(column, cell and replace(cell, adding=adding.get(column.name)))
            for column, cell in zip(self.columns, cells, strict=True)
        ]
        return totals[self.columns_before_totals :]

    @cached_property
    def columns_before_totals(self) -> int:
        """How many columns stand left of the first that is summed, or that may give way to sentences below the first."""
        places = [place for place, column in enumerate(self.columns) if column.total or column.compute]
        return max(places[0], 1) if places else len(self.columns)

    @cached_property
    def empty(self) -> Empty | None:
        """What to say when nothing matches; None leaves it to the template."""
        return None if self.narrowed else self._when_empty()

    def _with(self, **changes: str | None) -> str:
        query = self.selection.address(**changes)
        return f"{self.path}?{query}" if query else self.path

    def _is_needed(self, column: Column) -> bool:
        currencies = {shown.currency for shown in self.selection.columns}
        beside = {*self.selection.dataset.row_link_needs, *(shown.opens_client for shown in self.selection.columns)}
        return (
            column.marks_row or column in self.selection.columns or column.name in beside or column.name in currencies
        )

    def _heading(self, column: Column) -> Heading:
        if column.compute:
            return Heading(column, "", "")
        descends = self.selection.sort == f"-{column.name}"
        if self.selection.sort.lstrip("-") == column.name:
            other = column.name if descends else f"-{column.name}"
            return Heading(column, self._with(sort=other), "descending" if descends else "ascending")
        first = f"-{column.name}" if column.kind in NUMERIC or column.kind == Kind.DATE else column.name
        return Heading(column, self._with(sort=first), "")

    def _opens(self, column: Column, values: Row) -> str:
        """What a value opens: the rows that its column names, or the panel of the row's client."""
        if column.opens is not None:
            return column.opens(values, self.selection)
        if not column.opens_client or not values.get(column.opens_client):
            return ""
        on = self.selection.query.get("on")
        address = client_address(values[column.opens_client])
        return f"{address}?on={on}" if on and address else address

    def _adding(self, values: Row) -> Mapping[str, int]:
        """The decimals of the columns that are a sum and its parts, where all of them are shown."""
        names = (self.selection.dataset.sum_of, *self.selection.dataset.parts)
        if not self.selection.dataset.parts or any(values.get(name) is None for name in names):
            return {}
        total, *parts = (values[name] for name in names)
        return dict.fromkeys(names, adding_places(total, parts))

    def _row(self, row: Row) -> TableRow:
        selection = self.selection
        names = [column.name for column in selection.columns]
        values = dict(zip(names, selection.cells(row, selection.columns), strict=True))
        subs = {
            column.under: Cell(column, values[column.name])
            for column in self._below
            if values[column.name] not in (None, "")
        }
        adding = self._adding(values)
        by_name = {name.removeprefix(ALIAS): value for name, value in row.items()}
        cells = tuple(
            Cell(
                column,
                values[column.name],
                str(row.get(f"{ALIAS}{column.currency}", "")) if column.currency else "",
                subs.get(column.name),
                self._opens(column, by_name),
                adding.get(column.name),
            )
            for column in self.columns
        )
        return TableRow(cells, self._mark(row), row[f"{ALIAS}_row"], self._link(row))

    def _mark(self, row: Row) -> Label:
        """The tag of a row: the choice of a column that marks rows."""
        for column in self.selection.dataset.columns:
            if column.marks_row and column.choices and (value := row.get(ALIAS + column.name)):
                return column.choices[value]
        return ""

    def _link(self, row: Row) -> Link | None:
        dataset = self.selection.dataset
        if dataset.row_link is None:
            return None
        link = dataset.row_link({name: row[ALIAS + name] for name in dataset.row_link_needs}, self.selection.scope)
        return Link(*link) if link else None

    def _total(self, column: Column) -> Cell | None:
        if not column.total:
            return None
        currency = self.selection.dataset.total_currency(self.selection.scope) if column.currency else ""
        return Cell(column, self.selection.totals[column.name], currency)


def drilldown(
    request: HttpRequest,
    selection: Selection,
    *,
    back: Link,
    when_empty: Callable[[], Empty | None] = lambda: None,
    ranges: RangeControl | None = None,
    template: str = TEMPLATE,
    own_columns: bool = False,
    **context: object,
) -> TemplateResponse:
    """The rows of `selection` as a page, or as the part of it that htmx asks for.

    back: the page the figure stands on. when_empty: asked only when the range itself has no rows. ranges: the control with
    which the page (not the dialog) changes its range. A `template` of one's own extends `drilldown/drilldown.html`.
    own_columns: as for `Drilldown`.
    """
    part = part_of(request, template, PARTS)
    drill = Drilldown(
        request.path,
        selection,
        request.GET.get("page", "1"),
        back=back,
        when_empty=when_empty,
        in_dialog=part.startswith("dialog"),
        own_columns=own_columns,
    )
    return page_or_part(request, template, {"drill": drill, "range": ranges, **context}, parts=PARTS)
