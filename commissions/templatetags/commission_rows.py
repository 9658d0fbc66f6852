"""Links from figures of commission to the rows behind them."""

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from partner_portal.templatetags.elements import dialog_link

register = template.Library()


@register.simple_tag
def rows_link(which: str, text: object, **params: object) -> SafeString:
    """A figure that opens its rows: the dataset `commission-<which>` narrowed by `params`, those that are empty left out.

    In the dialog with script, as a page without.
    """
    return format_html("<a {}>{}</a>", dialog_link(reverse("commission_rows", args=[which]), params), text)
