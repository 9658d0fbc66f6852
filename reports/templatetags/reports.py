"""Small pieces of the report pages."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import template
from django.utils.translation import gettext as _

from reports.forms import MONTH_DAYS, WEEKDAYS

register = template.Library()


@register.filter
def with_shares(rows: Iterable[tuple[str, Decimal]]) -> list[tuple[str, Decimal, str]]:
    """(label, value, its length in per cent of the longest), for bars."""
    known = list(rows)
    longest = max((abs(value) for _label, value in known), default=Decimal(0))
    return [(label, value, f"{abs(value) * 100 / longest:.1f}" if longest else "0") for label, value in known]


@register.filter
def due(schedule: Any) -> str:
    """When a schedule is due, in words: `Every week: Monday, 07:30`."""
    how_often, at = schedule.get_frequency_display(), f"{schedule.at:%H:%M}"
    if schedule.frequency == "weekly":
        return f"{how_often}: {dict(WEEKDAYS)[schedule.day]}, {at}"
    if schedule.frequency in {"monthly", "quarterly"}:
        named = dict(MONTH_DAYS)[schedule.day] if schedule.day < 1 else _("day %(day)d") % {"day": schedule.day}
        return f"{how_often}: {named}, {at}"
    return f"{how_often}, {at}"
