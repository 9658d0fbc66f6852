"""Days, months, quarters and periods as text."""

from datetime import date
from functools import lru_cache

from django.utils.formats import date_format
from django.utils.translation import get_language

from partner_portal.lib.dates.periods import Period


def day_text(value: date) -> str:
    """Write a day: `23 Nov 2026`."""
    return _day_text(value.year, value.month, value.day, get_language())


@lru_cache(maxsize=4096)
def _day_text(year: int, month: int, day: int, _language: str | None) -> str:
    """A page writes the same days again and again."""
    return date_format(date(year, month, day), "j M Y")


def short_day_text(value: date) -> str:
    """Write a day whose year is known: `23 Nov`."""
    return date_format(value, "j M")


def long_day_text(value: date) -> str:
    """Write a day with its month in full: `15 January 2027`."""
    return date_format(value, "j F Y")


def month_text(value: date) -> str:
    """Write a month: `November 2026`."""
    return date_format(value, "F Y")


def short_month(value: date) -> str:
    """Write a month where several stand side by side: `Nov 26`."""
    return date_format(value, "M y")


def month_name(value: date) -> str:
    """Write a month without its year: `November`."""
    return date_format(value, "F")


def quarter_text(value: str) -> str:
    """Write the quarter `2026-Q3`: `Q3 2026`."""
    year, _dash, number = value.partition("-")
    return f"{number} {year}"


def period_text(value: Period) -> str:
    """Write both days, as short as they are clear: `23 Nov 2026`, `1 – 31 Oct 2026`, `25 Oct – 23 Nov 2026`."""
    first, last = value.first, value.last
    if first == last:
        return day_text(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {day_text(last)}"
    start = date_format(first, "j M" if first.year == last.year else "j M Y")
    return f"{start} – {day_text(last)}"
