"""The button that sends a list to the vendor that a partner is connected with."""

from django import template
from django.template import Context

from sources.queries import vendor_of
from sources.sending import receiver

register = template.Library()


@register.inclusion_tag("sources/send_list.html", takes_context=True)
def send_list(context: Context, list_id: int) -> dict[str, object]:
    """The button; nothing when nobody takes lists, or the reader may send none. One query."""
    connection = receiver(context["scope"])
    return {
        "vendor": vendor_of(connection).label if connection else "",
        "list_id": list_id,
        "csrf_token": context.get("csrf_token"),
    }
