"""The language of the reader, for the sentences of the pure modules and for files."""

from datetime import date

from django.utils.formats import date_format, get_format
from django.utils.translation import gettext, ngettext

from partner_portal.lib.wording import Wording

COMMA_LANGUAGES = frozenset(
    {"nl", "de", "fr", "es", "it", "pt", "da", "sv", "nb"}
)  # their spreadsheets split at semicolons


def of_reader() -> Wording:
    """The active language with its numbers and days."""
    return Wording(gettext, ngettext, get_format("DECIMAL_SEPARATOR"), get_format("THOUSAND_SEPARATOR"), _day, _month)


def _day(value: date) -> str:
    return date_format(value, "j M Y")


def _month(value: date) -> str:
    return date_format(value, "F")
