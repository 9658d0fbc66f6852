"""Path converter for ids that come from import files: client, statement and deal ids may hold any character.

An ordinary id stands in the address as it is. Characters that servers, proxies and browsers interpret are escaped as a tilde
and two hexadecimal digits, so that the id `a/b/print` never becomes the print view of `a/b`, nor `..` the page above.
"""

import re

_SPECIAL = re.compile(r"[/\\%?#;~\x00-\x1f\x7f]")
_ESCAPED = re.compile(r"~([0-7][0-9A-F])")


def _escape(match: re.Match[str]) -> str:
    return f"~{ord(match[0]):02X}"


class IdConverter:
    """`<id:name>` in a route. Addresses with plain slashes, typed or made by other programs, are still understood."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        """The id that an address names."""
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)

    def to_url(self, value: str) -> str:
        """The id as one segment of a path; Django quotes what is left."""
        escaped = _SPECIAL.sub(_escape, value)
        return escaped.replace(".", "~2E") if not escaped.strip(".") else escaped
