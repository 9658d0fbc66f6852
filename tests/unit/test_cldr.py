"""Countries and currencies of the Unicode CLDR, held against ISO's own counts and names known by heart."""

import pytest

from partner_portal.lib.cldr import country_codes, country_name, currency_codes, currency_name


def test_the_countries_are_those_of_iso_3166():
    assert len(country_codes()) == 249
    assert {"NL", "GB", "US", "BQ", "AX", "TW"} <= country_codes()
    assert country_codes().isdisjoint({"UK", "EU", "XK", "AN", "SU", "UN", "ZZ", "AC", "nl", "001"})


def test_the_currencies_are_those_in_use():
    assert len(currency_codes()) == 155
    assert {"USD", "EUR", "GBP", "XCG", "ZWG", "SLE", "VED", "SVC"} <= currency_codes()
    assert currency_codes().isdisjoint({"BGN", "DEM", "HRK", "ANG", "XAU", "XXX", "CHE", "USN"})


@pytest.mark.parametrize(
    ("language", "country", "currency"),
    [
        ("en", "Germany", "US Dollar"),
        ("en-gb", "Germany", "US Dollar"),
        ("nl", "Duitsland", "Amerikaanse dollar"),
        ("de", "Deutschland", "US-Dollar"),
        ("fr", "Allemagne", "dollar des États-Unis"),
        ("not a language", "Germany", "US Dollar"),
    ],
)
def test_names_are_those_of_the_language(language, country, currency):
    assert (country_name("DE", language), currency_name("USD", language)) == (country, currency)


def test_an_unknown_code_is_its_own_name():
    assert (country_name("QQ", "nl"), currency_name("QQQ", "nl")) == ("QQ", "QQQ")
