"""Text that stays on one line wherever it is shown, printed or mailed: names that people give things."""

import re

from django import forms

NUL = "\0"
# Control characters, the two line separators of Unicode, and what turns the direction of text around.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: object) -> str:
    """Return the text with breaks and control characters as single spaces, and without direction marks."""
    return " ".join(_BREAKS.sub(" ", _TURNS.sub("", str(text))).split())


class OneLineField(forms.CharField):
    """A text of one line: a forged or pasted break becomes a space before the length is checked. NUL is rejected."""

    def to_python(self, value: object) -> str | None:
        """Return the folded text; what is not text, or holds NUL, goes on to the validators as it is."""
        text = super().to_python(value)
        if not isinstance(text, str) or NUL in text:
            return text
        return one_line(text) or self.empty_value
