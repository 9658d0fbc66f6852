"""Filters that turn reasons into sentences, in the reader's language."""

from django import template

from tiers.no_points_text import no_points_text
from tiers.reason_text import reason_text

register = template.Library()
register.filter(reason_text)
register.filter(no_points_text)
