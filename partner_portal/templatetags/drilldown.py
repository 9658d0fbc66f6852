"""Rows of a drill-down, in Python: templates for hundreds of cells cost more than finding the rows."""

from typing import cast

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.formats import elements
from partner_portal.formats.days import month_text
from partner_portal.formats.numbers import whole
from partner_portal.lib.rows.datasets import Kind, Row
from partner_portal.lib.web.drilldown import Cell, Drilldown, TableRow
from partner_portal.lib.web.page_table import RowLayout, SheetTable, ShownColumn
from partner_portal.templatetags.elements import dialog_link, icon
from program.caching import cached_html

register = template.Library()


@register.simple_tag
def table_rows(drill: Drilldown) -> SafeString:
    """The rows of the page, each with a box to tick it where an action takes single rows."""
    selection = drill.selection

    def render() -> str:
        return "".join(_row(drill, row, number) for number, row in enumerate(drill.rows, 1))

    if not selection.stable:
        return mark_safe(render())  # noqa: S308 -- made of escaped texts
    shown = (
        drill.address,
        drill.place,
        drill.page.number,
        drill.can_tick,
        *(column.name for column in selection.columns),
    )
    scope = cast("Scope", selection.scope)
    return cached_html(scope, ("rows", selection.dataset.key, repr(selection.params), *shown), render)


@register.simple_tag
def cell_value(shown: Cell) -> str:
    """A value as its column writes it; a link into the dialog where it opens rows."""
    text = _text(shown)
    if not shown.address:
        return text
    attributes = dialog_link(shown.address)
    return format_html('<a {} hx-push-url="false" hx-replace-url="false">{}</a>', attributes, text)


@register.simple_tag
def page_cell(table: SheetTable, row: Row, shown: ShownColumn) -> SafeString:
    """The cell of a column that a page's template does not write itself."""
    return mark_safe(_cell(table.cell(row, shown.column), shown.later))  # noqa: S308 -- made of escaped texts


@register.simple_tag
def texts_in(layout: SheetTable | RowLayout, row: Row, *names: str) -> str:
    """The values of these columns that a table shows and the row has, with commas between them."""
    return ", ".join(str(row[name]) for name in names if name in layout.names and row[name])


def _row(drill: Drilldown, row: TableRow, number: int) -> str:
    """first: heads the row, with its tag, the sentences made from it, and what can be done with it alone."""
    first, *others = row.cells
    return "".join(
        (
            "<tr>",
            _box(drill.place, row, number) if drill.can_tick else "",
            f'<th scope="row">{conditional_escape(cell_value(first))}{_below(row)}</th>',
            *map(_cell, others),
            "</tr>\n",
        )
    )


def _box(place: str, row: TableRow, number: int) -> SafeString:
    return format_html(
        '<td><label class="choice"><input type="checkbox" name="row" value="{}" form="{}-side" autocomplete="off"'
        ' aria-label="{}: {}"></label></td>',
        str(row.key),
        place,
        _("Tick row %(number)s") % {"number": number},
        row.cells[0].label,
    )


def _below(row: TableRow) -> str:
    parts = []
    if row.mark:
        tag = format_html('<span class="tag info">{}{}</span>', icon("repeat"), _("Correction"))
        parts.append(format_html('<span class="sub">{} {}</span>', tag, row.mark))
    parts += [format_html('<span class="sub sentence">{}</span>', sentence) for sentence in row.sentences]
    if row.link:
        parts.append(format_html('<span class="sub"><a href="{}">{}</a></span>', row.link.address, str(row.link.label)))
    return "".join(parts)


def _cell(shown: Cell, more: str = "") -> str:
    """A cell that does not head its row, with the value that is written below it. more: further classes."""
    css_class = "n" if shown.numeric else "state" if shown.computed else "over" if shown.sub else "fit"
    css_class += f" {more}" if more else ""
    sub = f'<span class="sub">{conditional_escape(cell_value(shown.sub))}</span>' if shown.sub else ""
    return f'<td class="{css_class}">{conditional_escape(cell_value(shown))}{sub}</td>'


def _text(shown: Cell) -> str:
    column, value = shown.column, shown.value
    if value is None or value == "":
        return elements.no_data()
    if column.markup is not None:
        return column.markup(value)
    match column.kind:
        case Kind.POINTS:
            return elements.points_to(value, shown.places)
        case Kind.MONEY:
            return elements.money(value, shown.currency) if column.currency else elements.dollars(value)
        case Kind.DATE:
            return elements.day(value)
        case Kind.MONTH:
            return month_text(value)
        case Kind.RATE:
            return elements.rate(value)
        case Kind.RATIO:
            return elements.percent(value)
        case Kind.COUNT:
            return whole(value)
    return str(shown.label)
