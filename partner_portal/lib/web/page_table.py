"""A dataset as the table of a page of its own: sorted, searched, filtered and paged like a drill-down, with rows that the
page's template lays out itself.

The template includes `drilldown/toolbar.html`, shows `partials/sheet_head.html` for a sortable head, and puts its table in an
element with the id `page-rows`, which htmx replaces.
"""

from django.core.paginator import Page
from django.utils.functional import cached_property

from partner_portal.lib.rows.datasets import ALIAS, PAGE_SIZE, Row, Selection, Value
from partner_portal.lib.web.drilldown import Drilldown, Heading, Link

ROWS = "page-rows"


class SheetTable(Drilldown):
    """`heads.<column>`: the head of a column. `page.object_list`: rows with every permitted column by its name."""

    def __init__(self, path: str, selection: Selection, page: str, back: Link, size: int = PAGE_SIZE) -> None:
        super().__init__(path, selection, page, back=back, when_empty=lambda: None, in_dialog=False, size=size)

    @cached_property
    def heads(self) -> dict[str, Heading]:
        """The heads of every permitted column by its name."""
        permitted = self.selection.dataset.permitted(self.selection.scope)
        return {column.name: self._heading(column) for column in permitted}

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


def _marks(row: Row) -> dict[str, Value]:
    """The row's key and its client's primary key, where the dataset has them."""
    known = {"row": f"{ALIAS}_row", "client_pk": f"{ALIAS}_client"}
    return {name: row[source] for name, source in known.items() if source in row}
