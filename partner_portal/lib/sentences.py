"""Numbers, amounts, days and lists as they stand in a sentence, in the reader's language."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache

from django.utils.formats import date_format, get_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _


def exact_number(value: Decimal) -> str:
    """A number in full, without trailing zeros, thousands set apart: `1,234.5`, `50`, `62.5`."""
    text = f"{value:,f}"
    return _localized(text.rstrip("0").rstrip(".") if "." in text else text)


def rounded_number(value: Decimal) -> str:
    """A number with the decimals it was rounded to, thousands set apart: `1,234.50`."""
    return _localized(f"{value:,f}")


def exact_money(amount: Decimal, currency: str) -> str:
    """An amount with its currency and at least two decimals: `EUR 880.00`."""
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{currency} {_localized(f'{amount:,.{places}f}')}"


def day_text(value: date) -> str:
    """`23 Nov 2026`."""
    return date_format(value, "j M Y")


def month_name(value: date) -> str:
    """The month without its year: `November`."""
    return date_format(value, "F")


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return _("%(first)s and %(last)s") % {"first": ", ".join(parts[:-1]), "last": parts[-1]}


def _localized(text: str) -> str:
    return text.translate(_marks(get_language()))


@cache
def _marks(_language: str | None) -> dict[int, str]:
    """The marks of the active language for those of Python; read once, since a file writes them a million times."""
    return {ord(","): get_format("THOUSAND_SEPARATOR"), ord("."): get_format("DECIMAL_SEPARATOR")}
