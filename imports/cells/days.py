"""Days as spreadsheets and programs write them.

Whether the day or the month comes first is never guessed: `read_day` gets it, and `orders` returns those a text allows.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from imports.cells.vocabulary import folded, month_numbers, weekdays

FORMS = ("", "iso", "day_first", "month_first", "epoch_ms")
MOMENTS = ("iso", "epoch_ms")  # forms that can name a moment
CENTURIES = ("", "2000", "1930")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = (
    r"(?:(?:\s*,\s*|\s+|T)(?:(?:at|om|um|kl\.?|à)\s+)?"
    r"[0-9]{1,2}(?:[:.h][0-9]{2}){1,2}(?:[.,][0-9]+)?\s*(?:[ap]\.?m\.?|uhr|uur)?)?"
)
_NUMBERS = re.compile(r"([0-9]{1,2})([/.-])\s?([0-9]{1,2})\2\s?([0-9]{4}|'?[0-9]{2})" + _TIME, re.IGNORECASE)
_YEAR_FIRST = re.compile(r"([0-9]{4})([/.-])([0-9]{1,2})\2([0-9]{1,2})" + _TIME, re.IGNORECASE)
_NAMED = re.compile(
    r"(?:(?P<first>[0-9]{1,2})(?:st|nd|rd|th|er|e|\.)?[\s/.-]{0,3}(?P<month>[^\W\d_]+)\.?"
    r"|(?P<month2>[^\W\d_]+)\.?[\s/.-]{0,3}(?P<second>[0-9]{1,2})(?:st|nd|rd|th)?)"
    r"[\s/.,-]{1,3}(?P<year>[0-9]{4}|'?[0-9]{2})" + _TIME,
    re.IGNORECASE,
)
_WEEKDAY = re.compile(r"([^\W\d_]+)\.?,?\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class DayForm:
    """How the days of a column are written.

    order:    `iso` (year first, also as a moment), `day_first`, `month_first`, `epoch_ms` (milliseconds since 1970). Days
              with the year first or with the name of a month are read in every order but the last.
    century:  of years with two digits: "2000" for 2000 to 2099, "1930" for 1930 to 2029, "" for not read.
    midnight: what a moment that is exactly midnight UTC means: "moment" for the day that it is in the time zone, else
              that day itself.
    """

    order: str
    century: str = ""
    midnight: str = ""


def read_day(text: str, form: DayForm, zone: tzinfo = UTC) -> date | None:
    """The day of a text in one form; None when it is not written so. zone: in which moments become days."""
    try:
        if form.order == "epoch_ms":
            return _moment_day(text, form, zone)
        if named := _named_day(text, form.century):
            return named
        year_first = _YEAR_FIRST.fullmatch(text)
        if year_first:
            return date(int(year_first[1]), int(year_first[3]), int(year_first[4]))
        if form.order == "iso":
            return _moment_day(text, form, zone)
        match = _NUMBERS.fullmatch(_without_weekday(text))
        if match is None:
            return None
        year = _year(match[4], form.century)
        first, second = int(match[1]), int(match[3])
        day, month = (first, second) if form.order == "day_first" else (second, first)
        return date(year, month, day) if year else None
    except (ValueError, OverflowError):
        return None


def read_month(text: str, century: str) -> str | None:
    """A month as `2026-11` from `Nov-26`, `november 2026`, `11-2026` or `2026/11`; None when it is not written so."""
    if match := re.fullmatch(r"([0-9]{4})[/.-]([0-9]{1,2})", text):
        year, month = int(match[1]), int(match[2])
    elif match := re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{4})", text):
        year, month = int(match[2]), int(match[1])
    elif match := re.fullmatch(r"([^\W\d_]+)\.?[\s/.,-]{0,2}([0-9]{4}|'?[0-9]{2})", text):
        year, month = _year(match[2], century), month_numbers().get(folded(match[1]), 0)
    else:
        return None
    return f"{year:04}-{month:02}" if year and 1 <= month <= 12 else None


def orders(text: str) -> frozenset[str]:
    """The orders in which a text is a day, whatever the century: two for an ambiguous one, none for a text that is no day."""
    allowed = {
        order
        for order in ("iso", "day_first", "month_first")
        if read_day(text, DayForm(order, "2000")) or read_day(text, DayForm(order, "1930"))
    }
    if re.fullmatch(r"-?[0-9]{11,15}", text):
        allowed = {"epoch_ms"}
    return frozenset(allowed)


def has_short_year(text: str) -> bool:
    """Whether a text is a day with a year of two digits."""
    return any(
        read_day(text, DayForm(order)) is None and read_day(text, DayForm(order, "2000")) is not None
        for order in ("day_first", "month_first")
    )


def midnight_utc(text: str, order: str) -> date | None:
    """The day that begins at the moment of the text, when that is exactly midnight UTC; None for everything else."""
    try:
        moment = _moment(text, order)
        moment = moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
        return moment.date() if moment is not None and moment.timetz() == _EPOCH.timetz() else None
    except (ValueError, OverflowError):
        return None


def _moment_day(text: str, form: DayForm, zone: tzinfo) -> date | None:
    moment = _moment(text, form.order)
    if moment is None or moment.tzinfo is None:
        return moment.date() if moment else None
    day = midnight_utc(text, form.order) if form.midnight != "moment" else None
    return day or moment.astimezone(zone).date()


def _moment(text: str, order: str) -> datetime | None:
    """The moment, without a zone when the text names none; None when the text is not of that form. Raises ValueError too."""
    if order == "iso":
        return datetime.fromisoformat(text)
    return _EPOCH + timedelta(milliseconds=int(text)) if re.fullmatch(r"-?[0-9]{1,15}", text) else None


def _named_day(text: str, century: str) -> date | None:
    """A day with the name of its month, in any of the languages: its order does not matter."""
    match = _NAMED.fullmatch(_without_weekday(text))
    if match is None:
        return None
    month = month_numbers().get(folded(match["month"] or match["month2"]))
    year = _year(match["year"], century)
    return date(year, month, int(match["first"] or match["second"])) if month and year else None


def _without_weekday(text: str) -> str:
    match = _WEEKDAY.match(text)
    return text[match.end() :] if match and folded(match[1]) in weekdays() else text


def _year(text: str, century: str) -> int:
    """The year; 0 for one with two digits whose century is not known."""
    if len(text) == 4:
        return int(text)
    number = int(text.lstrip("'"))
    if century == "2000":
        return 2000 + number
    if century == "1930":
        return (2000 if number < 30 else 1900) + number
    return 0
