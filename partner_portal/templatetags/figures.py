"""The formats of `partner_portal.formats` and the markup of `program.markup` as filters and tags. Built in to every template."""

from collections.abc import Mapping
from zlib import crc32

from django import template
from django.template import RequestContext
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from partner_portal.formats import days, elements, numbers
from partner_portal.lib import shown_places
from partner_portal.lib.shown_places import Number
from program import labels, markup
from program.glossary import TERMS, Term

register = template.Library()

for text in (
    numbers.decimal_text,
    numbers.gap_points,
    numbers.plain_number,
    numbers.rate_text,
    numbers.signed_whole,
    numbers.whole,
    days.day_text,
    days.short_month,
    labels.metric_label,
    labels.tier_name,
):
    register.filter(text)

for element in (
    elements.close_points,
    elements.day,
    elements.decimals,
    elements.dollars,
    elements.exact_points,
    elements.long_day,
    elements.money,
    elements.percent,
    elements.points,
    elements.points_to,
    elements.rate,
    elements.short_day,
    elements.signed_amount,
    elements.signed_close_points,
    elements.signed_points,
    elements.signed_points_to,
):
    register.filter(element)

for tag in (
    elements.no_data,
    markup.cause_tag,
    markup.metric_have,
    markup.metric_missing,
    markup.metric_value,
    markup.swatch,
    markup.tier,
    markup.tier_mark,
):
    register.simple_tag(tag)

register.filter("month", days.month_text)
register.filter("period", days.period_text)
register.filter("quarter", days.quarter_text)


@register.filter
def abs_value(value: int) -> int:
    """A number of days without its sign."""
    return abs(value)


@register.filter
def label_of(labels: Mapping[str, object], key: str) -> object:
    """The label of a key, "" for an unknown one: `{{ reasons|label_of:row.reason }}`."""
    return labels.get(key, "")


@register.simple_tag
def adding_places(total: Number | None, *parts: Number | None) -> int:
    """The decimals with which `parts` read as adding up to `total`: `{% adding_places row.stake row.sold as places %}`."""
    return shown_places.adding_places(total or 0, [part or 0 for part in parts])


@register.simple_tag(takes_context=True)
def term(context: RequestContext, key: str, text: str = "") -> SafeString | str:
    """A term as a button that opens its meaning, by mouse, touch and keyboard and without a script: `{% term "review" %}`.

    text: what the button says; by default the name of the term. Without a request (files, mails) there is only the text.
    A page has the meaning once, at its end (`term_cards`). A part that HTMX asks for brings it along, with an id of its own.
    """
    entry, request = TERMS[key], getattr(context, "request", None)
    shown = text or str(entry.name)
    if request is None:
        return shown
    terms = request.terms = getattr(request, "terms", {})
    part = request.headers.get("HX-Target", "")
    if not part:
        terms[entry.key] = entry
        return markup.term_button(shown, f"meaning-{entry.key}")
    prefix = crc32(f"{part} {request.get_full_path()}".encode())
    terms[len(terms)] = entry
    element_id = f"meaning-{prefix:x}-{len(terms)}"
    return markup.term_button(shown, element_id) + _term_card(entry, element_id)


@register.simple_tag(takes_context=True)
def term_cards(context: RequestContext) -> SafeString:
    """The meanings of the terms that the page has shown so far; for the end of the page."""
    terms = getattr(getattr(context, "request", None), "terms", {})
    return format_html_join("", "{}", ((_term_card(entry, f"meaning-{key}"),) for key, entry in terms.items()))


def _term_card(entry: Term, element_id: str) -> SafeString:
    return markup.term_card(entry, element_id, f"{reverse('help')}#term-{entry.key}")
