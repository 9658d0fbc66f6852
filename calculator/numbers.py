"""Reads and writes numbers as a language does: `1,234.56` in English, `1.234,56` in Dutch.

Pure: no Django. An ambiguous number is rejected with a sentence that says how to write it, never guessed.
"""

from decimal import Decimal, localcontext

from babel import Locale
from babel.numbers import NumberFormatError, get_decimal_symbol, get_group_symbol, parse_decimal

from partner_portal.lib.cldr import locale_of

SPACES = " \u00a0\u202f"
_SHOWN = 24  # characters of an invalid input that a message repeats


class NumberError(ValueError):
    """The text is not a valid number; the message says in one sentence what would be."""


def read_number(text: str, language: str, *, places: int, limit: Decimal) -> Decimal:
    """Parse a number written in `language`: 0 or more, below `limit`, with at most `places` decimals.

    Raises:
        NumberError: empty, not a number, grouped wrongly, negative, too large, or with too many decimals.
    """
    locale = locale_of(language)
    plain = "".join(character for character in text.strip() if character not in SPACES).replace("\u2212", "-")
    if not plain:
        raise NumberError("Give a number.")
    value = _parsed(plain, locale)
    if value is None:
        shown = text.strip()[:_SHOWN]
        example = write_number(Decimal("1234.56"), language, places=2)
        raise NumberError(f"“{shown}” is not a number as it is written here; write it like {example}.")
    if value.is_signed():
        raise NumberError("Give a number of 0 or more; this one is negative.")
    decimals = len(plain.partition(get_decimal_symbol(locale))[2].rstrip("0"))
    if decimals > places:
        raise NumberError(f"Give at most {places} decimals.")
    if value >= limit:
        raise NumberError(f"Give a number below {write_number(limit, language, places=0)}.")
    return value.quantize(Decimal(1).scaleb(-decimals))


def write_number(value: Decimal, language: str, *, places: int) -> str:
    """Format the number with thousands separators, and its own decimals or `places` if that is more."""
    locale = locale_of(language)
    exponent = value.as_tuple().exponent
    own = max(places, -exponent) if isinstance(exponent, int) else places
    return f"{value:,.{own}f}".translate(str.maketrans(",.", get_group_symbol(locale) + get_decimal_symbol(locale)))


def _parsed(plain: str, locale: Locale) -> Decimal | None:
    """The number; None when it is none or grouped wrongly. Decimal alone would also accept `1e5`, `NaN` and `1_0`."""
    signs = {*"0123456789", get_decimal_symbol(locale), get_group_symbol(locale)}
    if not signs.issuperset(plain.removeprefix("-")):
        return None
    with localcontext(prec=28 + len(plain)):  # babel checks the grouping by formatting the number with all its digits
        try:
            return parse_decimal(plain, locale, strict=True)
        except NumberFormatError:
            return None
