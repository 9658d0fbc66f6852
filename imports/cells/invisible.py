"""Invisible characters: ignored in headers (in keys they are an error, `partner_portal.lib.rows.column_types`)."""

import re

_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u00ad\u2060\u180e\u202a-\u202e\u2066-\u2069]")


def without_invisible(text: str) -> str:
    """The text without invisible characters, and with ordinary blanks."""
    return _INVISIBLE.sub("", text).replace("\u00a0", " ").replace("\u202f", " ").strip()
