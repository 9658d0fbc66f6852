"""Small pieces of the report pages."""

from collections.abc import Iterable
from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def with_shares(rows: Iterable[tuple[str, Decimal]]) -> list[tuple[str, Decimal, str]]:
    """(label, value, its length in per cent of the longest), for bars."""
    known = list(rows)
    longest = max((abs(value) for _label, value in known), default=Decimal(0))
    return [(label, value, f"{abs(value) * 100 / longest:.1f}" if longest else "0") for label, value in known]
