"""Texts that a spreadsheet would compute when it opens a file: a formula in a name is an attack on whoever opens it."""

# As listed by OWASP for CSV injection, with the full-width forms that some programs fold into them.
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def guarded(text: str) -> str:
    """The text, with an apostrophe before it when a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text
