"""Characters that nobody sees: passed over in headers, an error in keys."""

import re

_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u00ad\u2060\u180e\u202a-\u202e\u2066-\u2069]")


def without_invisible(text: str) -> str:
    """The text without characters that nobody sees, and with ordinary blanks."""
    return _INVISIBLE.sub("", text).replace("\u00a0", " ").replace("\u202f", " ").strip()


def first_invisible(text: str) -> tuple[int, str] | None:
    """Position (from 1) and code of the first character that nobody sees; None for none."""
    match = _INVISIBLE.search(text)
    return (match.start() + 1, f"U+{ord(match[0]):04X}") if match else None
