"""Links from figures of commission to the rows behind them."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def rows_link(which: str, text: Any, **params: Any) -> SafeString:
    """A figure that opens its rows: the dataset `commission-<which>` narrowed by `params`, those that are empty left out.

    In the dialog with script, as a page without.
    """
    query = urlencode({name: value for name, value in params.items() if value not in ("", None)})
    address = reverse("commission_rows", args=[which]) + (f"?{query}" if query else "")
    return format_html(
        '<a href="{}" hx-get="{}" hx-target="#dialog" hx-swap="innerHTML">{}</a>', address, address, text
    )
