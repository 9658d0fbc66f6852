"""Numbers as people write them, in the way of their language: `1,234.56` in English, `1.234,56` in Dutch.

Pure: no Django. A number that could mean two things is refused with a sentence that says how to write it, never guessed.
"""

import re
from decimal import Decimal

MARKS = {"en": (".", ","), "nl": (",", ".")}  # decimal mark, thousands mark
SPACES = " \u00a0\u202f"
_SHOWN = 24  # characters of a wrong input that a message repeats


class NumberError(ValueError):
    """The text is no number that can be used; the message says in one sentence what would be."""


def marks(language: str) -> tuple[str, str]:
    """Decimal and thousands mark of a language; English ones for a language we do not know."""
    return MARKS.get(language.partition("-")[0], MARKS["en"])


def read_number(text: str, language: str, *, places: int, limit: Decimal) -> Decimal:
    """The number that `text` stands for in `language`: 0 or more, below `limit`, with at most `places` decimals.

    Raises:
        NumberError: empty, not a number, grouped wrongly, negative, too large, or with too many decimals.
    """
    decimal, thousands = marks(language)
    plain = "".join(character for character in text.strip() if character not in SPACES).replace("\u2212", "-")
    if not plain:
        raise NumberError("Give a number.")
    if plain.startswith("-") and _is_number(plain[1:], decimal, thousands):
        raise NumberError("Give a number of 0 or more; this one is negative.")
    if not _is_number(plain, decimal, thousands):
        shown = text.strip()[:_SHOWN]
        example = write_number(Decimal("1234.56"), language, places=2)
        raise NumberError(f"“{shown}” is not a number as it is written here; write it like {example}.")
    whole, _mark, fraction = plain.replace(thousands, "").partition(decimal)
    if len(fraction.rstrip("0")) > places:
        raise NumberError(f"Give at most {places} decimals.")
    if len(whole.lstrip("0")) > len(f"{limit:f}"):
        raise NumberError(f"Give a number below {write_number(limit, language, places=0)}.")
    fraction = fraction.rstrip("0")
    value = Decimal(f"{whole or '0'}.{fraction}" if fraction else whole or "0")
    if value >= limit:
        raise NumberError(f"Give a number below {write_number(limit, language, places=0)}.")
    return value


def write_number(value: Decimal, language: str, *, places: int) -> str:
    """The number with thousands marks and at least `places` decimals, all of its own shown."""
    decimal, thousands = marks(language)
    exponent = value.as_tuple().exponent
    own = max(places, -exponent) if isinstance(exponent, int) else places
    text = f"{value:,.{own}f}"
    return text.translate(str.maketrans(",.", thousands + decimal))


def _is_number(text: str, decimal: str, thousands: str) -> bool:
    grouped = rf"[0-9]{{1,3}}({re.escape(thousands)}[0-9]{{3}})+"
    return (
        re.fullmatch(rf"([0-9]+|{grouped})?({re.escape(decimal)}[0-9]+)?|[0-9]+{re.escape(decimal)}", text) is not None
    )
