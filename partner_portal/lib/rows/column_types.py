"""What a cell of an import file may hold: one class a type, which parses and validates it (`docs/points.md` 1, 12).

A type turns the trimmed text of a cell into the text that PostgreSQL reads for the model's field, so that equal values
have equal texts: `007` and `7` are the same line number. It never sees an empty cell. Nothing here knows a model.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from partner_portal.lib.cldr import country_codes, currency_codes

TEXT_LIMIT = 1000  # characters of a text
_KEY_BYTES = 1300  # of a text that is part of a key: an index row holds about 2,700 bytes, and a key up to two texts
_INTEGER_MOST = 2_147_483_647
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_ROUNDED = re.compile(r"[0-9]([.,][0-9]+)?E\+?[0-9]{1,3}", re.IGNORECASE)
_EXACT_DIGITS = 15  # of a number in a spreadsheet
_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u00ad\u2060\u180e\u202a-\u202e\u2066-\u2069]")
_WHOLE = re.compile(r"-?[0-9]+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_QUARTER = re.compile(r"[0-9]{4}-Q[1-4]")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


class CellError(ValueError):
    """A cell that cannot be accepted; the message says what is wrong with it."""


class DateCell(str):
    """The text of a real date cell of a workbook: a month column accepts the first of the month in this form."""

    __slots__ = ()


class NumberCell(str):
    """The text of a real number cell of a workbook: its point is a decimal point, however the file's texts are written."""

    __slots__ = ()


class ColumnType:
    """What the cells of a column hold."""

    @property
    def accepted(self) -> str:
        """What would be accepted, as a text that completes "accepted: ..."."""
        raise NotImplementedError

    def read(self, text: str) -> str:
        """The text as the database reads it. Raises CellError."""
        raise NotImplementedError

    def reader(self) -> Callable[[str], str]:
        """`read` for the many cells of one check: what the type needs from elsewhere is read once."""
        return self.read


@dataclass(frozen=True, slots=True)
class Text(ColumnType):
    """A text; `key` for one that is part of the row's key."""

    key: bool = False

    @property
    def accepted(self) -> str:
        return _("text of at most %(limit)s characters") % {"limit": number_format(TEXT_LIMIT, force_grouping=True)}

    def read(self, text: str) -> str:
        if len(text) > TEXT_LIMIT:
            raise CellError(
                _("longer than %(limit)s characters") % {"limit": number_format(TEXT_LIMIT, force_grouping=True)}
            )
        if "\0" in text:
            raise CellError(_("holds a character that text cannot have (code 0)"))
        if self.key and len(text) > _KEY_BYTES // 4 and len(text.encode()) > _KEY_BYTES:
            raise CellError(_("too long to tell rows apart by: over %(limit)s bytes") % {"limit": _KEY_BYTES})
        if self.key:
            check_id(text)
        return text


def check_id(text: str) -> None:
    """Raises CellError for the text of a key that a spreadsheet has rounded, or with a character that nobody sees."""
    if _ROUNDED.fullmatch(text):
        raise CellError(_("an id that a spreadsheet shortened; make the column text before you paste or open the ids"))
    if isinstance(text, NumberCell) and len(text.lstrip("-").partition(".")[0]) > _EXACT_DIGITS:
        raise CellError(_("an id of more than 15 digits in a number cell, whose last digits the spreadsheet has lost"))
    if invisible := _INVISIBLE.search(text):
        place = {"place": invisible.start() + 1, "code": f"U+{ord(invisible[0]):04X}"}
        raise CellError(_("an invisible character (%(code)s) as character number %(place)s") % place)


@dataclass(frozen=True, slots=True)
class Choice(ColumnType):
    """One of these texts, exactly."""

    values: tuple[str, ...]

    @property
    def accepted(self) -> str:
        return ", ".join(self.values)

    def read(self, text: str) -> str:
        if text not in self.values:
            raise CellError(_("not one of the accepted words"))
        return text


@dataclass(frozen=True, slots=True)
class Flag(ColumnType):
    """`yes` or `no`."""

    @property
    def accepted(self) -> str:
        return "yes, no"

    def read(self, text: str) -> str:
        if text not in ("yes", "no"):
            raise CellError(_("must be yes or no"))
        return "true" if text == "yes" else "false"


@dataclass(frozen=True, slots=True)
class Number(ColumnType):
    """A decimal with a point; `places` decimals and `digits` before them at most, above or at least a bound."""

    places: int = 2
    digits: int = 14
    above: int | None = None
    least: int | None = None

    @property
    def accepted(self) -> str:
        bounds = {"places": self.places, "above": self.above, "least": self.least}
        if self.above is not None:
            return _("a number above %(above)s with at most %(places)s decimals, such as 1250.50") % bounds
        if self.least is not None:
            return _("a number of at least %(least)s with at most %(places)s decimals, such as 1250.50") % bounds
        return _("a number with at most %(places)s decimals, such as -1250.50") % bounds

    def read(self, text: str) -> str:
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise CellError(_("not a number"))
        sign, whole, places = match.groups()
        whole, places = whole.lstrip("0"), places or ""
        if len(places) > self.places:
            raise CellError(_("more than %(places)s decimals") % {"places": self.places})
        if len(whole) > self.digits:
            raise CellError(_("more than %(digits)s digits before the point") % {"digits": self.digits})
        value = Decimal(f"{sign}{whole or 0}.{places or 0}")
        if self.above is not None and value <= self.above:
            raise CellError(_("not above %(bound)s") % {"bound": self.above})
        if self.least is not None and value < self.least:
            raise CellError(_("below %(bound)s") % {"bound": self.least})
        places = places.rstrip("0")
        return f"{sign if value else ''}{whole or 0}{'.' if places else ''}{places}"


@dataclass(frozen=True, slots=True)
class Whole(ColumnType):
    """A whole number of at least `least`."""

    least: int = 0

    @property
    def accepted(self) -> str:
        return _("a whole number of at least %(least)s") % {"least": self.least}

    def read(self, text: str) -> str:
        if _WHOLE.fullmatch(text) is None:
            raise CellError(_("not a whole number"))
        # By length first: a number of a million digits takes Python long to read.
        if len(text.lstrip("-0")) > 10 or not -_INTEGER_MOST <= int(text) <= _INTEGER_MOST:
            raise CellError(_("too large") if text[0] != "-" else _("below %(bound)s") % {"bound": self.least})
        if int(text) < self.least:
            raise CellError(_("below %(bound)s") % {"bound": self.least})
        return str(int(text))


@dataclass(frozen=True, slots=True)
class Day(ColumnType):
    """A calendar day; up to the year 2999, or to 9999 where the far future means "for ever"."""

    last: date = LAST_DAY

    @property
    def accepted(self) -> str:
        return _("a date such as 2026-11-23")

    def read(self, text: str) -> str:
        day = _day(text)
        if day is None:
            raise CellError(_("not a date"))
        if not FIRST_DAY <= day <= self.last:
            raise CellError(_("a date before %(first)s or after %(last)s") % {"first": FIRST_DAY, "last": self.last})
        return text


@dataclass(frozen=True, slots=True)
class Month(ColumnType):
    """A calendar month; stored as its first day."""

    @property
    def accepted(self) -> str:
        return _("a month such as 2026-11")

    def read(self, text: str) -> str:
        first = text if isinstance(text, DateCell) else f"{text}-01"
        day = _day(first)
        if day is None or day.day != 1:
            raise CellError(_("not a month"))
        if not FIRST_DAY <= day <= LAST_DAY:
            raise CellError(_("a month before %(first)s or after %(last)s") % {"first": FIRST_DAY, "last": LAST_DAY})
        return str(first)


@dataclass(frozen=True, slots=True)
class Quarter(ColumnType):
    """A calendar quarter, `2026-Q3`."""

    @property
    def accepted(self) -> str:
        return _("a quarter such as 2026-Q3")

    def read(self, text: str) -> str:
        if _QUARTER.fullmatch(text) is None:
            raise CellError(_("not a quarter"))
        return text


@dataclass(frozen=True, slots=True)
class Country(ColumnType):
    """A country by its two-letter code."""

    @property
    def accepted(self) -> str:
        return _("two capital letters of ISO 3166-1, such as NL or GB")

    def read(self, text: str) -> str:
        if text not in country_codes():
            raise CellError(_("not the code of a country"))
        return text


@dataclass(frozen=True, slots=True)
class Currency(ColumnType):
    """A currency by its three-letter code. `known` names those that have a fixed amount; without it any in use is taken."""

    known: Callable[[], frozenset[str]] | None = None

    @property
    def accepted(self) -> str:
        if self.known is None:
            return _("three capital letters of ISO 4217, such as EUR")
        return ", ".join(sorted(self.known()))

    def read(self, text: str) -> str:
        return self.reader()(text)

    def reader(self) -> Callable[[str], str]:
        known = self.known() if self.known else None

        def read(text: str) -> str:
            if _CURRENCY.fullmatch(text) is None or (known is None and text not in currency_codes()):
                raise CellError(_("not the code of a currency"))
            if known is not None and text not in known:
                raise CellError(_("the programme has no fixed amount for %(currency)s") % {"currency": text})
            return text

        return read


def _day(text: str) -> date | None:
    """The day that `YYYY-MM-DD` names, else None. `fromisoformat` alone would take other spellings too."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
