"""Links of the tier pages that open rows over the page and lead to them without script; they keep a past day."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def opens(context: Context, name: str, *args: Any, **query: Any) -> SafeString:
    """The attributes of a link to the page `name` with these parameters, which htmx loads into the dialog."""
    address = to(context, name, *args, **query)
    return format_html('href="{}" hx-get="{}" hx-target="#dialog" hx-swap="innerHTML"', address, address)


@register.simple_tag(takes_context=True)
def to(context: Context, name: str, *args: Any, **query: Any) -> str:
    """The address of the page `name` with these parameters; empty ones are left out, the day that is looked at is kept."""
    form = context.get("form")
    kept = {key: str(value) for key, value in query.items() if value not in (None, "")} | getattr(form, "moved", {})
    address = reverse(name, args=args)
    return f"{address}?{urlencode(kept)}" if kept else address
