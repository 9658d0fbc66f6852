"""Languages that files are written in, and their names of months and weekdays from the Unicode CLDR."""

import unicodedata
from functools import cache

from partner_portal.lib.cldr import locale_of

LANGUAGES = ("en", "en-gb", "nl", "de", "fr", "sv")


def folded(text: str) -> str:
    """A text for comparing: without regard to capitals, width, accents' encoding, and runs of blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@cache
def month_numbers() -> dict[str, int]:
    """Numbers of the months by their names in all languages, long and short, without the point of an abbreviation."""
    numbers: dict[str, int] = {"sept": 9}
    for language in LANGUAGES:
        for names in locale_of(language).months.values():
            for width in ("wide", "abbreviated"):
                for number, name in names[width].items():
                    numbers[folded(str(name)).rstrip(".")] = number
    return numbers


@cache
def weekdays() -> frozenset[str]:
    """Names of the weekdays in all languages, long and short, without the point of an abbreviation."""
    return frozenset(
        folded(str(name)).rstrip(".")
        for language in LANGUAGES
        for names in locale_of(language).days.values()
        for width in ("wide", "abbreviated")
        for name in names[width].values()
    )
