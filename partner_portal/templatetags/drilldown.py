"""The cells of a drill-down's rows. In Python: a template for each of a page's hundreds of cells costs more than its rows."""

from collections.abc import Callable

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from partner_portal.lib.rows.datasets import Kind
from partner_portal.lib.web.drilldown import Cell
from partner_portal.templatetags import figures
from partner_portal.templatetags.elements import dialog_link

register = template.Library()


@register.simple_tag
def cell(shown: Cell) -> SafeString:
    """A cell that does not head its row, with the value that is written below it."""
    look = "n" if shown.numeric else "state" if shown.computed else "over" if shown.sub else "fit"
    if shown.sub is None:
        return format_html('<td class="{}">{}</td>', look, cell_value(shown))
    return format_html(
        '<td class="{}">{}<span class="sub">{}</span></td>', look, cell_value(shown), cell_value(shown.sub)
    )


@register.simple_tag
def cell_value(shown: Cell) -> SafeString | str:
    """A value as its column writes it; a link into the dialog where it opens rows."""
    text = _text(shown)
    if not shown.address:
        return text
    attributes = dialog_link(shown.address)
    return format_html('<a {} hx-push-url="false" hx-replace-url="false">{}</a>', attributes, text)


def _text(shown: Cell) -> SafeString | str:
    column, value = shown.column, shown.value
    if value is None or value == "":
        return figures.no_data()
    if column.name in _BY_NAME:
        return _BY_NAME[column.name](shown)
    match column.kind:
        case Kind.POINTS:
            return figures.points_to(value, shown.places)
        case Kind.MONEY:
            return figures.money(value, shown.currency) if column.currency else figures.dollars(value)
        case Kind.DATE:
            return figures.day(value)
        case Kind.MONTH:
            return figures.month(value)
        case Kind.RATE:
            return figures.rate(value)
        case Kind.RATIO:
            return figures.percent(value)
        case Kind.COUNT:
            return figures.whole(value)
    return format_html("{}", shown.label)


_BY_NAME: dict[str, Callable[[Cell], SafeString | str]] = {
    "quarter": lambda shown: figures.quarter(shown.value),
    "period": lambda shown: figures.quarter(shown.value),
    "cause": lambda shown: figures.cause_tag(shown.value, str(shown.label)),
    "track": lambda shown: format_html("{} {}", figures.swatch(shown.value), shown.label),
}
