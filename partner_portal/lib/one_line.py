"""Names that stay on one line, wherever they are shown or mailed."""

import re
from typing import Any

from django import forms

# Control characters, the two line separators of Unicode, and what turns the direction of text around.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def in_one_line(text: str) -> str:
    """The text with line breaks and control characters as single spaces, and without signs that turn its direction."""
    return " ".join(_BREAKS.sub(" ", _TURNS.sub("", text)).split())


class OneLineField(forms.CharField):
    """A text of one line. A form that is forged, or pasted into, cannot bring in another."""

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        return in_one_line(found) if isinstance(found, str) else found
