"""The stored reason of a tier change in the reader's language."""

from django import template

from partner_portal.lib.language import of_reader
from tiers import reason_text

register = template.Library()


@register.filter
def reworded(reason: str) -> str:
    """`Review. Kept: all six readings met Gold.` in the active language."""
    return reason_text.reworded(reason, of_reader())
