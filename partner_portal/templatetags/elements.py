"""Small pieces of a page: icons from the sprite, and the control of a form field. Built in to every template."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from partner_portal.lib import log_context
from partner_portal.lib.charts.chart import Chart
from partner_portal.lib.charts.svg import side_letters, svg
from partner_portal.lib.rows.facts import find_kind

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """The icon `#i-<name>` of `partials/sprite.html`, hidden from screen readers: a word stands beside it."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="#i-{}"/></svg>', f" {classes}" if classes else "", name
    )


@register.simple_tag
def request_id() -> str:
    """The id of the request that is being answered, which its log lines carry; empty outside one."""
    return log_context.current().request_id


@register.simple_tag
def control(field: BoundField, classes: str = "") -> SafeString:
    """The field's control in the portal's style, tied to its hint and errors by `aria-describedby`.

    A placeholder that a library gives its fields is left out: it repeats the label and vanishes when one types.
    """
    widget = field.field.widget
    if isinstance(widget, CheckboxInput | CheckboxSelectMultiple | RadioSelect):
        return field.as_widget()
    given = widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": " ".join(filter(None, ["input", given, classes])), "placeholder": False})


@register.simple_tag
def dialog_link(url: str, query: Mapping[str, object] | None = None, **params: object) -> SafeString:
    """The attributes of a link that htmx opens in the dialog and that leads to `url` without script.

    The query is `query` and `params`; what is empty in it is left out.
    """
    chosen = {name: value for name, value in {**(query or {}), **params}.items() if value not in ("", None)}
    address = f"{url}?{urlencode(chosen)}" if chosen else url
    return format_html('href="{}" hx-get="{}" hx-target="#dialog" hx-swap="innerHTML"', address, address)


@register.simple_tag
def chart(drawn: Chart, ident: str, height: int | None = None) -> SafeString:
    """The chart as SVG, in the box that `charts.js` and the style sheet know.

    ident: unique on the page. height: in pixels, in place of the chart's own.
    """
    drawn = replace(drawn, height=height) if height else drawn
    beside = " beside" if drawn.texts_beside else ""
    return format_html(
        '<div class="plot y{}{}" id="{}" data-chart>{}</div>',
        side_letters(drawn),
        beside,
        ident,
        mark_safe(svg(drawn, ident)),  # noqa: S308 # every text in it is escaped
    )


@register.filter
def kind_label(key: str) -> str:
    """What people call the kind of facts with this key; the key itself when there is none."""
    kind = find_kind(key)
    return str(kind.label) if kind else key


@register.filter
def mid_sentence(label: object) -> str:
    """A label within a sentence: without its capital, unless it begins with an abbreviation such as MRR."""
    text = str(label)
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
