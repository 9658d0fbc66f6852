"""CSV dialects, and how many decimals a value is written with."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from partner_portal.lib.rows.datasets import Kind
from partner_portal.lib.spreadsheets import COMMA_LANGUAGES

PLACES = {Kind.POINTS: 4, Kind.MONEY: 2, Kind.RATIO: 4, Kind.RATE: 8}  # at least so many decimals
EXACT_PLACES = 8  # and at most so many, where a value has them: rounded cells would not sum to the figure


@dataclass(frozen=True, slots=True)
class Dialect:
    """Separator and decimal mark of a CSV."""

    key: str
    label: Promise
    delimiter: str
    decimal: str


DIALECTS = {
    dialect.key: dialect
    for dialect in (
        Dialect("point", gettext_lazy("Comma, decimal point"), ",", "."),
        Dialect("comma", gettext_lazy("Semicolon, decimal comma"), ";", ","),
    )
}


def dialect_for(locale: str) -> Dialect:
    """The dialect that spreadsheet programs expect in that language."""
    return DIALECTS["comma" if locale.partition("-")[0] in COMMA_LANGUAGES else "point"]
