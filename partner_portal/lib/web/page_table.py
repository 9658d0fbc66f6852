"""A dataset as the table of a page of its own: sorted, searched, filtered and paged like a drill-down, with rows that the
page's template lays out itself.

The template includes `drilldown/toolbar.html`, shows `partials/sheet_head.html` for a sortable head, and puts its table in an
element with the id `page-rows`, which htmx replaces. It writes the cells of the columns in the page's layout; columns that a
reader chooses besides are written by `{% page_cell %}`, as a drill-down writes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page
from django.utils.functional import cached_property

from partner_portal.lib.rows.datasets import ALIAS, PAGE_SIZE, Column, Label, Row, Selection, Value
from partner_portal.lib.web.drilldown import Cell, Drilldown, Heading, Link

ROWS = "page-rows"
BRIEF = 3  # columns of a table on a phone


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A column of a page's layout."""

    #: Of the dataset.
    name: str
    #: What stands above it on this page; "" for the column's own label.
    label: Label = ""
    #: The columns whose values the page writes in its cell.
    below: tuple[str, ...] = ()
    #: Whether a phone shows it before somebody asks for all columns.
    brief: bool = False
    #: Classes of its head.
    classes: str = ""

    @property
    def later(self) -> str:
        """The class of a cell that a phone leaves out."""
        return "" if self.brief else "later"


type Layout = Sequence[PageColumn]


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Which cells the template of a row writes."""

    shown: Layout
    #: The names of the columns in the cells.
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column of the table as its reader sees it."""

    name: str
    column: Column
    heading: Heading
    label: Label
    classes: str
    #: The class of a cell that a phone leaves out, or "".
    later: str


@dataclass(frozen=True, slots=True)
class Foot:
    """A cell below the table."""

    name: str
    later: str
    #: How many columns the head of the total row spans; 0 for any other cell.
    heads: int = 0
    #: None where the column is not summed.
    total: Cell | None = None


def names_of(layout: Layout) -> list[str]:
    """The names of the columns that a layout shows, in order."""
    return [name for column in layout for name in (column.name, *column.below)]


def row_layout(layout: Layout) -> RowLayout:
    """The cells of a table that always has the columns of its layout."""
    return RowLayout(layout, frozenset(names_of(layout)))


class SheetTable(Drilldown):
    """`shown`: the columns. `page.object_list`: rows with every permitted column by its name.

    selection: usually with the columns of the layout (`names_of`).
    """

    def __init__(
        self, path: str, selection: Selection, page: str, back: Link, layout: Layout, size: int = PAGE_SIZE
    ) -> None:
        super().__init__(path, selection, page, back=back, when_empty=lambda: None, in_dialog=False, size=size)
        self.names = frozenset(column.name for column in selection.columns)
        self._layout = {column.name: column for column in layout}
        hosts = {name: column.name for column in layout for name in column.below}
        self.columns = tuple(column for column in selection.columns if hosts.get(column.name) not in self.names)

    @cached_property
    def shown(self) -> list[ShownColumn]:
        """The columns in order. Where a choice leaves a phone too few of those that matter, it shows the first ones."""
        brief = [column.name for column in self.columns if self._of(column).brief]
        others = (column.name for column in self.columns if column.name not in brief)
        brief += [name for name, _place in zip(others, range(BRIEF - len(brief)), strict=False)]
        return [self._shown(column, brief=column.name in brief) for column in self.columns]

    @cached_property
    def foot(self) -> list[Foot]:
        """The total row: its head stands below the first column that phones show, and spans those beside it."""
        shown = self.shown
        first = next((place for place, column in enumerate(shown) if not column.later), 0)
        last = first + 1
        while last < len(shown) and not shown[last].later and not shown[last].column.total:
            last += 1
        before = [Foot(column.name, column.later) for column in shown[:first]]
        after = [Foot(column.name, column.later, total=self._total(column.column)) for column in shown[last:]]
        return [*before, Foot(shown[first].name, "", heads=last - first), *after]

    @cached_property
    def page(self) -> Page:
        """The rows of the page asked for; a page that does not exist is the nearest that does."""
        selection = self.selection
        columns = selection.dataset.permitted(selection.scope)
        page = super().page
        page.object_list = [
            dict(zip([column.name for column in columns], selection.cells(row, columns), strict=True)) | _marks(row)
            for row in self._fetched(columns)
        ]
        return page

    def cell(self, row: Row, column: Column) -> Cell:
        """The cell of a column that the page's template does not write itself."""
        currency = str(row.get(column.currency, "")) if column.currency else ""
        return Cell(column, row[column.name], currency, None, self._opens(column, row))

    def _of(self, column: Column) -> PageColumn:
        return self._layout.get(column.name) or PageColumn(column.name)

    def _shown(self, column: Column, *, brief: bool) -> ShownColumn:
        laid_out = self._of(column)
        later = "" if brief else "later"
        classes = " ".join(filter(None, (laid_out.classes, later)))
        return ShownColumn(column.name, column, self._heading(column), laid_out.label or column.label, classes, later)


def _marks(row: Row) -> dict[str, Value]:
    """The row's key and its client's primary key, where the dataset has them."""
    known = {"row": f"{ALIAS}_row", "client_pk": f"{ALIAS}_client"}
    return {name: row[source] for name, source in known.items() if source in row}
