"""Links of the tier pages to rows, which open in the dialog, or as a page without script; they retain a past day."""

from datetime import date
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from partner_portal.lib.rows.forms import DatasetForm
from partner_portal.templatetags.elements import dialog_link
from program.markup import metric_have, metric_missing
from program.terms import Metric, Track, Unit
from tiers.rules import RequirementGap

register = template.Library()

# The page with the rows of a metric, and its parameters.
ROWS_OF: dict[str, tuple[str, dict[str, str]]] = {
    Metric.TOTAL_POINTS: ("tier_breakdown", {}),
    Metric.SOLD_POINTS: ("tier_expiring", {}),
    Metric.SOURCED_POINTS: ("tier_breakdown", {"track": Track.SOURCED}),
    "assisted_points": ("tier_breakdown", {"track": Track.ASSISTED}),
    Metric.MANAGED_POINTS: ("tier_breakdown", {"track": Track.MANAGED}),
    Metric.CERTIFIED_PEOPLE: ("tier_people", {}),
    Metric.TOOL_USAGE_MEAN: ("tier_tools", {}),
    Metric.TOOL_USAGE_MEDIAN: ("tier_tools", {}),
    Metric.SOLD_MRR_12M: ("tier_lots", {"sold": "12-months"}),
    Metric.MANAGED_MRR: ("tier_breakdown", {"track": Track.MANAGED}),
}


@register.simple_tag(takes_context=True)
def opens(context: Context, name: str, *args: object, **query: object) -> SafeString:
    """The attributes of a link to the page `name` with these parameters, which htmx loads into the dialog."""
    return dialog_link(to(context, name, *args, **query))


@register.simple_tag
def opens_on(name: str, on: date, **query: object) -> SafeString:
    """The attributes of a link that opens the page `name` for the end of the day `on` in the dialog."""
    return dialog_link(reverse(name), query, on=on.isoformat())


@register.simple_tag(takes_context=True)
def metric_link(context: Context, need: RequirementGap) -> SafeString | str:
    """The present value of a requirement's metric, as a link to its rows."""
    return _to_rows(context, need, metric_have(need))


@register.simple_tag(takes_context=True)
def missing_link(context: Context, need: RequirementGap) -> SafeString | str:
    """What a requirement lacks, as a link to the rows of its metric."""
    return _to_rows(context, need, metric_missing(need))


@register.simple_tag(takes_context=True)
def row_link(context: Context, text: str, name: str, **query: object) -> SafeString:
    """`text` as a link to the page `name`, for a figure within a translated sentence."""
    return format_html("<a {}>{}</a>", opens(context, name, **query), text)


def _to_rows(context: Context, need: RequirementGap, value: SafeString | str) -> SafeString | str:
    if need.have is None:
        return value
    if need.metric.unit is Unit.RATIO:
        return format_html('<a href="{}#retention">{}</a>', to(context, "dashboard"), value)
    name, query = ROWS_OF[need.metric]
    return format_html("<a {}>{}</a>", opens(context, name, **query), value)


@register.simple_tag(takes_context=True)
def to(context: Context, name: str, *args: object, **query: object) -> str:
    """The URL of the page `name` with these parameters and the day of the current page; empty parameters are left out."""
    form = context.get("form") or context.get("day")
    params = {key: str(value) for key, value in query.items() if value not in (None, "")}
    if isinstance(form, DatasetForm):
        params |= form.moved
    url = reverse(name, args=args)
    return f"{url}?{urlencode(params)}" if params else url
