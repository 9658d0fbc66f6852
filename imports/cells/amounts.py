"""Numbers and amounts of money as spreadsheets write them.

Whether the comma or the point marks the decimals is never guessed: `read_amount` gets it, and `marks` returns
which of them a text allows.
"""

import re
from dataclasses import dataclass
from functools import cache

from imports.cells.vocabulary import LANGUAGES, folded
from partner_portal.lib.cldr import currency_codes, locale_of

FORMS = ("", "point", "comma")
_BLANKS = "\u0020\u00a0\u202f\u2009\u2007\u2008\u2002\u2003\u200a"
_FREE_GROUP = rf"[{_BLANKS}'\u2019]"  # thousands marks that are never a decimal mark
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_GROUPED = re.compile(rf"([0-9]{{1,3}}(?:{_FREE_GROUP}[0-9]{{3}})+)(?:[.,]([0-9]+))?")
_POINT = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]*))?")
_COMMA = re.compile(r"([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]*))?")
_MINUS = "-\u2212\u2013"
_ROUND = re.compile(r"(?<=[0-9])[.,][-\u2212\u2013]{1,2}(?=$|[^0-9])")  # "1250,-": without cents
_NOT_DIGITS = re.compile(r"[^0-9]+")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as our files write it, such as `-1250.5`, and the currencies that its sign or code can mean; None for none."""

    text: str
    currencies: frozenset[str] | None = None
    mark: str = ""  # the sign or code as written


def read_amount(text: str, decimals: str) -> Amount | None:
    """The number of a text; None when it is not written so. decimals: `point`, `comma`, or "" for a plain 1234.56."""
    if not decimals:
        sign = "-" if text.startswith("-") else ""
        return Amount(text) if _PLAIN.fullmatch(text.removeprefix(sign)) else None
    body, negative = _without_sign(_ROUND.sub("", text, count=1).strip(_BLANKS))
    body, mark = _without_currency(body)
    body, second = _without_sign(body) if mark else (body, 0)
    negative += second
    if negative > 1:
        return None
    match = _GROUPED.fullmatch(body) or (_POINT if decimals == "point" else _COMMA).fullmatch(body)
    if match is None:
        return None
    currencies = _currencies_by_mark().get(folded(mark)) if mark else None
    if mark and currencies is None:
        return None
    whole, places = _NOT_DIGITS.sub("", match[1]), match[2] or ""
    return Amount(f"{'-' if negative else ''}{whole}{'.' if places else ''}{places}", currencies, mark)


def marks(text: str) -> frozenset[str]:
    """The decimal marks with which a text is a number."""
    return frozenset(mark for mark in ("point", "comma") if read_amount(text, mark))


def currency_of(text: str) -> str:
    """The code of a currency by its code, name or sign in any of the languages; "" for an unknown or ambiguous one."""
    code = text.strip().upper()
    if code in currency_codes():
        return code
    codes = _currencies_by_name().get(folded(text)) or _currencies_by_mark().get(folded(text)) or frozenset()
    return next(iter(codes)) if len(codes) == 1 else ""


def _without_sign(text: str) -> tuple[str, int]:
    """The text without brackets, a leading sign or a trailing minus, and how many of them made it negative."""
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1].strip(_BLANKS), 1
    if text[:1] and text[0] in _MINUS:
        return text[1:].strip(_BLANKS), 1
    if text[-1:] and text[-1] in _MINUS:
        return text[:-1].strip(_BLANKS), 1
    return text.removeprefix("+").strip(_BLANKS), 0


def _without_currency(text: str) -> tuple[str, str]:
    """The text without a currency's sign or code before or behind it, and that mark."""
    digits = [place for place, character in enumerate(text) if character.isdigit()]
    if not digits:
        return text, ""
    before, behind = text[: digits[0]], text[digits[-1] + 1 :]
    sign = before[-1:] if before[-1:] and before[-1] in _MINUS else ""
    before = before.removesuffix(sign)
    closing = behind[:1] if behind[:1] and behind[0] in ".,-\u2212" else ""  # "1,-" and "900-€"
    behind = behind.removeprefix(closing)
    mark = before.strip(_BLANKS) or behind.strip(_BLANKS)
    if before.strip(_BLANKS) and behind.strip(_BLANKS):
        return text, ""
    body = sign + text[digits[0] : digits[-1] + 1] + closing
    return (body, mark) if mark else (text, "")


@cache
def _currencies_by_mark() -> dict[str, frozenset[str]]:
    """Codes by sign and by code. A sign such as `$` or `kr` stands for every currency that is written with it somewhere."""
    by_sign: dict[str, set[str]] = {}
    for code in currency_codes():
        by_sign.setdefault(folded(code), set()).add(code)
        signs = {str(locale_of(language).currency_symbols.get(code, code)) for language in LANGUAGES}
        for sign in signs - {code}:
            by_sign.setdefault(folded(sign), set()).add(code)
            shared = sign.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            if shared and shared != sign and not shared[0].isalnum():
                by_sign.setdefault(folded(shared), set()).add(code)
    by_sign.setdefault("$", set()).update({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"} & currency_codes())
    by_sign.setdefault("£", set()).add("GBP")
    by_sign.setdefault("¥", set()).update({"JPY", "CNY"} & currency_codes())
    by_sign["kr"] = by_sign["kr."] = {"SEK", "NOK", "DKK", "ISK"} & set(currency_codes())
    by_sign["fr."] = by_sign["sfr."] = {"CHF"}
    return {sign: frozenset(codes) for sign, codes in by_sign.items()}


@cache
def _currencies_by_name() -> dict[str, frozenset[str]]:
    by_name: dict[str, set[str]] = {}
    for language in LANGUAGES:
        names = locale_of(language).currencies
        for code in currency_codes():
            by_name.setdefault(folded(str(names.get(code, code))), set()).add(code)
    return {name: frozenset(codes) for name, codes in by_name.items()}
