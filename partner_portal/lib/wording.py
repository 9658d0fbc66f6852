"""How the pure modules word a sentence: they take the language from outside and know no Django themselves.

Without one they speak English, which is also what is stored. `partner_portal.lib.language` gives that of the reader.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


def gettext_noop(text: str) -> str:
    """The text itself; marks it as one to translate."""
    return text


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _english_day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def _english_month(value: date) -> str:
    return f"{value:%B}"


@dataclass(frozen=True, slots=True)
class Wording:
    """A language: its texts by the English ones, its decimal and thousands marks, and how it writes days.

    `day` writes `1 Aug 2025`, `month` the name of the month alone.
    """

    gettext: Callable[[str], str] = gettext_noop
    ngettext: Callable[[str, str, int], str] = _plural
    decimal: str = "."
    thousands: str = ","
    day: Callable[[date], str] = _english_day
    month: Callable[[date], str] = _english_month

    def digits(self, text: str) -> str:
        """A number as Python writes it (`1,234.5`) with the marks of the language."""
        return text.translate({ord(","): self.thousands, ord("."): self.decimal})

    def number(self, value: Decimal) -> str:
        """A number in full, without trailing zeros, thousands set apart: `1,234.5`, `50`, `62.5`."""
        text = f"{value:,f}"
        return self.digits(text.rstrip("0").rstrip(".") if "." in text else text)

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount with its currency and at least two decimals: `EUR 880.00`."""
        exponent = amount.as_tuple().exponent
        places = max(2, -exponent) if isinstance(exponent, int) else 2
        return f"{currency} {self.digits(f'{amount:,.{places}f}')}"

    def listed(self, parts: list[str]) -> str:
        """`a`, `a and b`, `a, b and c`."""
        if len(parts) < 2:
            return "".join(parts)
        return self.gettext("%(first)s and %(last)s") % {"first": ", ".join(parts[:-1]), "last": parts[-1]}


ENGLISH = Wording()
