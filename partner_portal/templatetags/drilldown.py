"""Cells of a drill-down's rows, in Python: a template for every one of hundreds of cells costs more than the rows."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from partner_portal.formats import elements
from partner_portal.formats.days import month_text
from partner_portal.formats.numbers import whole
from partner_portal.lib.rows.datasets import Kind
from partner_portal.lib.web.drilldown import Cell
from partner_portal.templatetags.elements import dialog_link

register = template.Library()


@register.simple_tag
def cell(shown: Cell) -> SafeString:
    """A cell that does not head its row, with the value that is written below it."""
    css_class = "n" if shown.numeric else "state" if shown.computed else "over" if shown.sub else "fit"
    if shown.sub is None:
        return format_html('<td class="{}">{}</td>', css_class, cell_value(shown))
    return format_html(
        '<td class="{}">{}<span class="sub">{}</span></td>', css_class, cell_value(shown), cell_value(shown.sub)
    )


@register.simple_tag
def cell_value(shown: Cell) -> str:
    """A value as its column writes it; a link into the dialog where it opens rows."""
    text = _text(shown)
    if not shown.address:
        return text
    attributes = dialog_link(shown.address)
    return format_html('<a {} hx-push-url="false" hx-replace-url="false">{}</a>', attributes, text)


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
    return format_html("{}", shown.label)
