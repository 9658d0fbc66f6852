"""Text of a cell as it is sent: numbers and days are marked by their first character, everything else is as it is."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isfinite

from imports.xlsx.xml_tokens import Attributes, scan

NUMBER, DATE, PLAIN = "\x01", "\x02", "\x00"  # first character: a number, a day, a text that begins like a mark
_BUILT_IN = {*range(14, 23), *range(27, 37), *range(50, 59), 45, 47}
_NOT_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_ESCAPED = re.compile(r"_x((?!D[89A-F])[0-9A-F]{4})_", re.IGNORECASE)  # no halves of surrogate pairs
_DURATION = re.compile(r"\[[hms]+\]", re.IGNORECASE)


def date_styles(chunks: Iterable[bytes]) -> list[str]:
    """By cell style "d" when its numbers are days, "t" when they are durations, else ""."""
    formats: dict[str, str] = {}
    styles: list[str] = []
    inside = ""

    def start(depth: int, name: str, attributes: Attributes) -> None:
        nonlocal inside
        if depth == 2:
            inside = name
        elif depth == 3 and inside == "numFmts" and name == "numFmt":
            formats[attributes.get("numFmtId", "")] = _style_of(attributes.get("formatCode", ""))
        elif depth == 3 and inside == "cellXfs" and name == "xf":
            number = attributes.get("numFmtId", "0")
            styles.append(formats.get(number) or _built_in(number))

    scan(chunks, start)
    return styles


def _built_in(number: str) -> str:
    if number == "46":
        return "t"
    return "d" if number.isdecimal() and len(number) < 4 and int(number) in _BUILT_IN else ""


def _style_of(code: str) -> str:
    first = _NOT_CODE.sub("", code).partition(";")[0]
    if _DURATION.search(first):
        return "t"
    return "d" if re.search(r"[dmyhs]", first.replace("General", ""), re.IGNORECASE) else ""


def duration_text(serial: float) -> str:
    """A duration in days as `1 day, 2:30:00`."""
    return str(timedelta(milliseconds=round(serial * 86_400_000)))


def moment_text(serial: float, epoch: datetime) -> str:
    """A serial number as a marked day, as a moment when it has a time, or as a time alone below 1."""
    milliseconds = round(serial * 86_400_000)
    if epoch.year == 1899 and milliseconds < 60 * 86_400_000:
        milliseconds += 86_400_000  # Excel counts a 29 February 1900
    moment = epoch + timedelta(milliseconds=milliseconds)
    if serial < 1:
        return str(moment.time())
    if moment.time() == datetime.min.time():
        return DATE + moment.date().isoformat()
    return moment.isoformat(" ")


def number_text(text: str) -> str:
    """A number as CSV would write it, with the 15 digits that Excel shows: 0.1 + 0.2 is 0.3. Raises ValueError."""
    value = float(text)
    if "_" in text or not isfinite(value):
        raise ValueError(text)
    digits = format(Decimal(format(value, ".15g")), "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return NUMBER + ("0" if digits == "-0" else digits)


def iso_text(text: str) -> str:
    """A cell that holds an ISO date: a marked day, or a moment when it has a time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return plain_text(text)
    return DATE + date.isoformat(moment) if moment.time() == datetime.min.time() else moment.isoformat(" ")


def plain_text(text: str) -> str:
    """A trimmed text, with the characters that XML cannot hold and Excel writes as `_x000D_` put back."""
    if "_x" in text:
        text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    text = text.strip()
    return PLAIN + text if text[:1] in (NUMBER, DATE, PLAIN) and text else text
