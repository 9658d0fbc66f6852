"""Calendar months on business days: pure functions over dates."""

import calendar
from datetime import date


def add_months(day: date, months: int) -> date:
    """The same day of the month that many calendar months later (or earlier, when negative).

    A day that the target month does not have becomes its last day: 29 Feb + 12 months = 28 Feb.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if day.day <= 28:  # every month has it; this is asked millions of times
        return date(year, month, day.day)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def month_start(day: date) -> date:
    """The first day of the month of `day`."""
    return day.replace(day=1)


def month_end(day: date) -> date:
    """The last day of the month of `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def months_between(first: date, last: date) -> tuple[date, ...]:
    """The first days of all months from the month of `first` to the month of `last`, both included."""
    start = first.year * 12 + first.month - 1
    end = last.year * 12 + last.month
    return tuple(date(index // 12, index % 12 + 1, 1) for index in range(start, end))


def month_count(first: date, last: date) -> int:
    """How many calendar months `last` is after the month of `first`, whatever the days."""
    return (last.year - first.year) * 12 + last.month - first.month


def quarter_of(day: date) -> str:
    """The calendar quarter of `day` as statements write it: `2026-Q3`."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def quarter_start(day: date) -> date:
    """The first day of the calendar quarter of `day`."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def parse_quarter(text: str) -> date:
    """The first day of a quarter such as `2026-Q3`. Raises ValueError for anything else."""
    year, _, number = text.partition("-Q")
    if number not in {"1", "2", "3", "4"}:
        raise ValueError(f"{text} is not a quarter")
    return date(int(year), int(number) * 3 - 2, 1)


def quarter_months(text: str) -> tuple[date, date]:
    """The first days of the first and the last month of a quarter such as `2026-Q3`. Raises ValueError for anything else."""
    first = parse_quarter(text)
    return first, add_months(first, 2)


def quarter_end(day: date) -> date:
    """The last day of the calendar quarter of `day`."""
    return month_end(date(day.year, (day.month + 2) // 3 * 3, 1))
