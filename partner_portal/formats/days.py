"""Days, months, quarters and periods as text."""

from datetime import date

from django.utils.formats import date_format

from partner_portal.lib.dates.periods import Period


def day_text(value: date) -> str:
    """Write a day: `23 Nov 2026`."""
    return date_format(value, "j M Y")


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
