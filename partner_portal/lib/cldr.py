"""Countries and currencies: their codes, and their names in any language, from the Unicode CLDR."""

import re
from datetime import date
from functools import cache

from babel import Locale, UnknownLocaleError
from babel.numbers import get_territory_currencies

_FALLBACK = "en"
# Codes of the CLDR that ISO 3166-1 reserves for something else, or leaves to users.
_NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"])
# In ISO 4217, though no country's open-ended legal tender in the CLDR.
_OTHER_CURRENCIES = frozenset({"SVC", "VED"})


@cache
def country_codes() -> frozenset[str]:
    """The countries that a client may be in: ISO 3166-1 alpha-2."""
    territories = map(str, locale_of(_FALLBACK).territories)
    return frozenset(code for code in territories if re.fullmatch("[A-Z]{2}", code)) - _NO_COUNTRIES


@cache
def currency_codes() -> frozenset[str]:
    """The currencies in use: ISO 4217."""
    in_use = (get_territory_currencies(country, date.max) for country in country_codes())
    return _OTHER_CURRENCIES.union(*in_use)


def country_name(code: str, language: str) -> str:
    """The country's name in `language`; the code itself when it is unknown."""
    return str(locale_of(language).territories.get(code, code))


def currency_name(code: str, language: str) -> str:
    """The currency's name in `language`; the code itself when it is unknown."""
    return str(locale_of(language).currencies.get(code, code))


@cache
def locale_of(language: str) -> Locale:
    """The CLDR's locale of a language code such as `nl` or `en-gb`; English for a language that it does not have."""
    try:
        return Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return Locale(_FALLBACK)
